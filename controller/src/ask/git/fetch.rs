//! Fetches one commit into a bare repository of the cache. Blocking: it runs on a thread of its own.
//!
//! A commit that is there already is not fetched again; a branch costs one listing of that branch. Nothing is asked of a
//! person at a terminal, and no configuration of the machine is read.

use super::{GitError, credentials::Access, ssh};
use gix::{
    ObjectId, Repository,
    bstr::BString,
    credentials::{helper::Action, protocol::Outcome},
    error::{ErrorExt, message},
    protocol::transport::client::blocking_io::http,
    remote::{Direction, fetch::Shallow, fetch::Tags, ref_map},
    sec::identity::Account,
};
use plan::GitAsk;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU32,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

/// Nothing prunes a cache: one with more packs than this is fetched anew.
const MOST_PACKS: usize = 200;

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `https` or `http`.
    Http,
    /// Through the program `ssh`.
    Ssh,
    /// `git`: without any protection.
    Git,
    /// A folder of this machine.
    File,
}

/// A commit, and the repository that has it.
pub(super) struct Fetched {
    pub(super) repository: Repository,
    pub(super) commit: ObjectId,
}

/// How this address is reached, if it is one.
pub(super) fn scheme(address: &str) -> Result<Scheme, GitError> {
    let unsupported = || GitError::Scheme(address.to_owned());
    let url = gix::url::parse(gix::bstr::BStr::new(address)).map_err(|_| unsupported())?;
    match url.scheme {
        gix::url::Scheme::Https | gix::url::Scheme::Http => Ok(Scheme::Http),
        gix::url::Scheme::Ssh => Ok(Scheme::Ssh),
        gix::url::Scheme::Git => Ok(Scheme::Git),
        gix::url::Scheme::File if address.starts_with("file://") => Ok(Scheme::File),
        _ => Err(unsupported()),
    }
}

/// The folder of the cache for an address: readable, and different for each.
pub(super) fn folder_name(address: &str) -> String {
    let mut hasher = DefaultHasher::new();
    address.hash(&mut hasher);
    let name = address.trim_end_matches(".git").rsplit('/').next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    format!("{name}-{:016x}.git", hasher.finish())
}

/// The commit that the ask is about. `ssh` is the program for addresses that need it.
pub(super) fn commit(
    ask: &GitAsk,
    access: &Access,
    folder: &Path,
    ssh: &str,
    interrupt: &AtomicBool,
) -> Result<Fetched, GitError> {
    let call = match scheme(&ask.repository)? {
        Scheme::Ssh => Some(ssh::call(ssh, access)?),
        Scheme::Http | Scheme::Git | Scheme::File => None,
    };
    let repository = open(folder, call.as_ref().map(|call| call.command.as_str()))?;
    let revision = ask.revision.trim();
    let full_sha = is_full_sha(revision).then(|| ObjectId::from_hex(revision.as_bytes()).ok()).flatten();
    if let Some(commit) = full_sha
        && repository.find_commit(commit).is_ok_and(|commit| commit.tree().is_ok())
    {
        return Ok(Fetched { repository, commit });
    }
    let commit = fetch(&repository, ask, access, interrupt).map_err(|error| match &error {
        GitError::Fetch(_) => {
            call.and_then(|call| call.complaint()).map_or(error, |said| GitError::Fetch(format!("ssh: {said}")))
        }
        _ => error,
    })?;
    // An annotated tag leads to its commit.
    let commit = repository.find_object(commit)?.peel_to_commit()?.id;
    Ok(Fetched { repository, commit })
}

fn is_full_sha(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn open(folder: &Path, ssh_command: Option<&str>) -> Result<Repository, GitError> {
    let packs = std::fs::read_dir(folder.join("objects/pack")).map_or(0, Iterator::count);
    if packs > MOST_PACKS {
        std::fs::remove_dir_all(folder)?;
    }
    let mut overrides = Vec::new();
    if let Some(command) = ssh_command {
        overrides.push(format!("core.sshCommand={command}"));
        overrides.push("ssh.variant=ssh".to_owned());
    }
    let options = gix::open::Options::isolated().config_overrides(overrides);
    if !folder.join("HEAD").exists() {
        std::fs::create_dir_all(folder)?;
        let kind = gix::create::Kind::Bare;
        gix::ThreadSafeRepository::init_opts(folder, kind, gix::create::Options::default(), options.clone())?;
    }
    Ok(options.open(folder)?.to_thread_local())
}

/// What is asked of the server, most telling first.
fn refspecs(revision: &str) -> Vec<String> {
    match revision {
        "" | "HEAD" => vec!["+HEAD:refs/leadline/head".into()],
        sha if is_full_sha(sha) => vec![format!("{sha}:refs/leadline/commits/{sha}")],
        full if full.starts_with("refs/") => vec![format!("+{full}:refs/leadline/{full}")],
        name => vec![
            format!("+refs/heads/{name}:refs/leadline/heads/{name}"),
            format!("+refs/tags/{name}:refs/leadline/tags/{name}"),
        ],
    }
}

fn fetch(repository: &Repository, ask: &GitAsk, access: &Access, interrupt: &AtomicBool) -> Result<ObjectId, GitError> {
    let revision = ask.revision.trim();
    let unresolved = || GitError::Unresolved(if revision.is_empty() { "HEAD".into() } else { revision.to_owned() });
    let wanted = refspecs(revision);
    let specs: Vec<BString> = wanted.iter().map(|spec| BString::from(spec.as_str())).collect();
    let remote = repository
        .remote_at(ask.repository.as_str())?
        .with_fetch_tags(Tags::None)
        .with_refspecs(&specs, Direction::Fetch)
        .map_err(|_| unresolved())?;
    let mut connection = remote.connect(Direction::Fetch)?;
    let account = access.account(&ask.repository);
    let (refused, header) = access.header(&ask.repository).unzip();
    // Without this a terminal would be asked.
    connection.set_credentials(move |action| answer(action, account.as_ref(), refused));
    if scheme(&ask.repository)? == Scheme::Http {
        connection.set_transport_options(Box::new(transport(access, header)?));
    }
    let prepared = connection.prepare_fetch(gix::progress::Discard, ref_map::Options::default())?;
    let mappings = &prepared.ref_map().mappings;
    let found = wanted.iter().find_map(|spec| {
        let local = spec.rsplit(':').next()?;
        let mapping = mappings.iter().find(|mapping| mapping.local.as_ref().is_some_and(|it| *it == local))?;
        mapping.remote.as_id().map(ToOwned::to_owned)
    });
    let found = found.ok_or_else(unresolved)?;
    let is_here = repository.find_object(found).is_ok_and(|object| object.peel_to_tree().is_ok());
    if !is_here {
        let depth = Shallow::DepthAtRemote(NonZeroU32::MIN);
        prepared.with_shallow(depth).receive(gix::progress::Discard, interrupt)?;
    }
    Ok(found)
}

/// What is known when the server asks who we are. It asks although something was sent when it does not accept that.
fn answer(
    action: Action,
    account: Option<&Account>,
    refused: Option<&'static str>,
) -> Result<Option<Outcome>, gix::Error> {
    match (action, account) {
        (Action::Get(context), Some(account)) => Ok(Some(Outcome { identity: account.clone(), next: context.into() })),
        (Action::Get(_), None) => {
            let unknown = "the server wants credentials (401), and no Secret has any for this address";
            Err(message(refused.unwrap_or(unknown)).raise())
        }
        _ => Ok(None),
    }
}

/// How HTTP is spoken: patience, and whom to trust.
fn transport(access: &Access, header: Option<String>) -> Result<http::Options, GitError> {
    let is_insecure = access.is_insecure;
    let certificates =
        reqwest::Certificate::from_pem_bundle(access.trust.as_bytes()).map_err(|_| GitError::Certificates)?;
    let configure = move |client: reqwest::blocking::ClientBuilder| {
        let client = client.timeout(super::FETCH_TIMEOUT).tls_danger_accept_invalid_certs(is_insecure);
        let certificates = certificates.iter().cloned();
        Ok(certificates.fold(client, reqwest::blocking::ClientBuilder::add_root_certificate))
    };
    let backend = http::reqwest::Options { configure_client: Some(Box::new(configure)), ..Default::default() };
    Ok(http::Options {
        extra_headers: header.into_iter().collect(),
        connect_timeout: Some(std::time::Duration::from_secs(15)),
        user_agent: Some(concat!("leadline/", env!("CARGO_PKG_VERSION")).to_owned()),
        backend: Some(Arc::new(Mutex::new(backend))),
        ..http::Options::default()
    })
}

//! Answers questions about Git: the manifests below one path at one revision.
//!
//! Repositories are fetched in process into a bare cache, one folder each, only the one commit that is asked for. A folder
//! with a kustomization is handed to `render.rs`; any other is read as plain manifests. What goes wrong (no server, wrong
//! credentials, no such revision or path, a link that leaves the repository) is the answer, in words, and never with what
//! opens the repository. Nothing is written to any repository but the cache.

mod credentials;
mod fetch;
mod ssh;
mod tree;

use super::{Answerer, Secrets, render::Renderer};
use credentials::Access;
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask, GitAnswer, GitAsk};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use thiserror::Error;
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    time::timeout,
};

/// A fetch that takes longer is given up.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// Fetches at the same time: each holds a thread.
const AT_ONCE: usize = 4;

/// Why there is no tree.
#[derive(Debug, Error)]
pub(super) enum GitError {
    #[error("repository address {0:?} is not supported: use https, http, ssh or git")]
    Scheme(String),
    #[error("repositories on the controller's own file system are switched off")]
    FileSwitchedOff,
    #[error("unable to resolve '{0}' to a commit SHA")]
    Unresolved(String),
    #[error("{0}: app path does not exist")]
    NoPath(String),
    #[error("path {0:?} leaves the repository")]
    PathLeaves(String),
    #[error("{0}: the symbolic link leaves the repository")]
    LinkLeaves(String),
    #[error("the files are larger than {0} MiB together")]
    TooLarge(u64),
    #[error("there are more than {0} files and folders")]
    TooMany(usize),
    #[error("folders are nested deeper than {0}")]
    TooDeep(usize),
    #[error("{0}: Forbidden: submodules are not supported by this version")]
    Submodule(String),
    #[error("{0}: Forbidden: files in Git LFS are not supported by this version")]
    InLfs(String),
    #[error("the certificates for this server in ConfigMap argocd-tls-certs-cm are not in PEM")]
    Certificates,
    #[error("the fetch took longer than {} s", FETCH_TIMEOUT.as_secs())]
    TooLong,
    #[error("{0}")]
    Fetch(String),
    #[error("{0}")]
    Render(String),
    #[error("the cache cannot be used")]
    Cache(#[from] std::io::Error),
}

impl From<gix::Error> for GitError {
    fn from(error: gix::Error) -> Self {
        Self::Fetch(crate::logging::chain(&error))
    }
}

/// How repositories are read.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// Where fetched repositories are kept.
    pub cache: PathBuf,
    /// Accept `file://` addresses.
    pub allow_file: bool,
    /// The program that renders kustomizations.
    pub kubectl: String,
    /// The namespace with the Secrets of repositories.
    pub namespace: String,
}

/// One folder of the cache, used by one fetch at a time.
type Folders = Arc<Mutex<BTreeMap<PathBuf, Arc<AsyncMutex<()>>>>>;

/// Reads repositories in process.
#[derive(Clone, Debug)]
pub struct GitInProcess {
    settings: GitSettings,
    secrets: Option<Secrets>,
    renderer: Renderer,
    /// The program for addresses with ssh.
    ssh: String,
    folders: Folders,
    permits: Arc<Semaphore>,
}

impl GitInProcess {
    /// Reads repositories; credentials come from `secrets`, where there are any. Over https it needs an installed rustls
    /// provider.
    pub fn new(settings: GitSettings, secrets: Option<Secrets>) -> Self {
        let renderer = Renderer::new(&settings.kubectl);
        Self {
            settings,
            secrets,
            renderer,
            ssh: "ssh".into(),
            folders: Folders::default(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// What was found, or what went wrong in words without secrets.
    async fn look(&self, ask: GitAsk) -> Result<GitAnswer, String> {
        let address = ask.repository.clone();
        let access = match self.access(&address).await {
            Ok(access) => access,
            Err(error) => return Err(without_password(&crate::logging::chain(&error), &address)),
        };
        self.found(ask, access.clone()).await.map_err(|error| {
            let mut text = crate::logging::chain(&error);
            if let (GitError::Fetch(_), Some(why)) = (&error, &access.unread) {
                text.push_str(&format!(" (the Secrets of repositories cannot be read: {why})"));
            }
            without_password(&access.hide(&text), &address)
        })
    }

    async fn access(&self, address: &str) -> Result<Access, GitError> {
        let scheme = fetch::scheme(address)?;
        match &self.secrets {
            _ if scheme == fetch::Scheme::File && !self.settings.allow_file => Err(GitError::FileSwitchedOff),
            Some(secrets) if scheme != fetch::Scheme::File => {
                Ok(credentials::find(secrets, &self.settings.namespace, address, scheme).await)
            }
            _ => Ok(Access::default()),
        }
    }

    async fn found(&self, ask: GitAsk, access: Access) -> Result<GitAnswer, GitError> {
        match self.fetch(ask, access).await? {
            tree::Found::Plain { commit, files } => Ok(GitAnswer { commit, files, source_type: "Directory".into() }),
            tree::Found::Kustomize { commit, checkout, path } => {
                let rendering = self.renderer.kustomize(checkout.path(), &path).await.map_err(GitError::Render)?;
                let files = BTreeMap::from([(path, rendering)]);
                Ok(GitAnswer { commit, files, source_type: "Kustomize".into() })
            }
        }
    }

    async fn fetch(&self, ask: GitAsk, access: Access) -> Result<tree::Found, GitError> {
        let folder = self.settings.cache.join(fetch::folder_name(&ask.repository));
        let lock = {
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(folders.entry(folder.clone()).or_default())
        };
        let interrupt = Arc::new(AtomicBool::new(false));
        let work = async {
            // The lock goes into the thread: it is free again when the thread ends, not when we stop waiting for it.
            let held = lock.lock_owned().await;
            // The permit does not: a server that never ends its answer holds up its own repository alone.
            let _permit = self.permits.acquire().await;
            let (interrupt, ssh) = (Arc::clone(&interrupt), self.ssh.clone());
            let work = move || {
                let _held = held;
                let fetched = fetch::commit(&ask, &access, &folder, &ssh, &interrupt)?;
                tree::read(&fetched, &ask, &interrupt)
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(GitError::Fetch(error.to_string())))
        };
        timeout(FETCH_TIMEOUT, work).await.unwrap_or_else(|_| {
            interrupt.store(true, Ordering::Relaxed);
            Err(GitError::TooLong)
        })
    }
}

/// The text without the password that an address may hold.
fn without_password(text: &str, address: &str) -> String {
    let authority = address.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let password = authority.and_then(|it| it.rsplit_once('@')).and_then(|(user, _)| user.split_once(':'));
    match password {
        Some((_, password)) if !password.is_empty() => text.replace(password, "*****"),
        _ => text.to_owned(),
    }
}

impl Answerer for GitInProcess {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        let git = self.clone();
        async move {
            match ask {
                Ask::Git(ask) => Answer::Git(git.look(ask).await),
                other => Answer::Git(Err(format!("not about Git: {other}"))),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;

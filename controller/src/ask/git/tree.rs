//! Reads what a commit holds below one path: plain manifests, or a whole checkout for Kustomize.
//!
//! Everything comes from the object database; a checkout goes to a temporary folder of its own. A symbolic link is followed
//! only to a file inside the repository. One that leaves it refuses the whole tree, and so does a tree that is too large, or
//! one whose manifests are elsewhere (in a submodule, in LFS): half a tree would look like objects to delete.

use super::{GitError, fetch::Fetched};
use gix::{Repository, Tree, bstr::ByteSlice, object::tree::EntryKind};
use plan::GitAsk;
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};
use tempfile::TempDir;

/// Plain manifests may be this long together, in MiB.
const MOST_MANIFESTS: u64 = 10;
/// A checkout may be this large, in MiB.
const MOST_CHECKOUT: u64 = 100;
/// Folders may be nested this deep.
const DEEPEST: usize = 64;
/// Files and folders that are looked at: a tree of a few objects may name the same folder without end.
const MOST_ENTRIES: usize = 100_000;
/// Links to links that are followed.
const MOST_HOPS: usize = 10;
/// How a file begins whose content is kept in LFS.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
/// Names of a kustomization.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    /// Manifests, by path.
    Plain { commit: String, files: BTreeMap<String, String> },
    /// A kustomization in `path` of a checkout.
    Kustomize { commit: String, checkout: TempDir, path: String },
}

/// Reads what was asked for, until it is interrupted.
pub(super) fn read(fetched: &Fetched, ask: &GitAsk, interrupt: &AtomicBool) -> Result<Found, GitError> {
    let Fetched { repository, commit } = fetched;
    let root = repository.find_commit(*commit)?.tree()?;
    let path = inside(&ask.path).ok_or_else(|| GitError::PathLeaves(ask.path.clone()))?;
    let name = path.to_string_lossy().into_owned();
    let folder = if name.is_empty() {
        root.clone()
    } else {
        let entry = root.lookup_entry_by_path(&path)?.filter(|entry| entry.mode().is_tree());
        let entry = entry.ok_or_else(|| GitError::NoPath(ask.path.clone()))?;
        repository.find_tree(entry.object_id())?
    };
    let commit = commit.to_string();
    let has_kustomization = KUSTOMIZATIONS.iter().any(|name| folder.find_entry(*name).is_some());
    if has_kustomization && !ask.plain {
        let checkout = tempfile::Builder::new().prefix("leadline-git-").tempdir()?;
        let mut write = |path: &Path, bytes: Vec<u8>| write(checkout.path(), path, &bytes);
        let mut walk =
            Walk { repository, root: &root, interrupt, is_checkout: true, entries: 0, size: 0, take: &mut write };
        walk.folder(&root, Path::new(""), true, DEEPEST)?;
        return Ok(Found::Kustomize { commit, checkout, path: name });
    }
    let mut files = BTreeMap::new();
    let mut keep = |path: &Path, bytes: Vec<u8>| {
        if bytes.starts_with(LFS_POINTER) {
            return Err(GitError::InLfs(shown(path)));
        }
        files.insert(shown(path), String::from_utf8_lossy(&bytes).into_owned());
        Ok(())
    };
    let mut walk =
        Walk { repository, root: &root, interrupt, is_checkout: false, entries: 0, size: 0, take: &mut keep };
    walk.folder(&folder, &path, ask.recurse, DEEPEST)?;
    Ok(Found::Plain { commit, files })
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending))
}

/// The path without `.` and `..`; `None` when it leaves the repository.
fn inside(path: &str) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in Path::new(path.trim_start_matches('/')).components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Writes a file of a checkout. Its path comes from trees, where `..` cannot stand unnoticed.
fn write(checkout: &Path, path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    let clean = inside(&path.to_string_lossy()).filter(|clean| clean == path);
    let path = checkout.join(clean.ok_or_else(|| GitError::PathLeaves(shown(path)))?);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    Ok(std::fs::write(path, bytes)?)
}

/// Takes a file with its path.
type Take<'a> = dyn FnMut(&Path, Vec<u8>) -> Result<(), GitError> + 'a;

struct Walk<'a> {
    repository: &'a Repository,
    root: &'a Tree<'a>,
    interrupt: &'a AtomicBool,
    /// Everything is wanted, not manifests alone.
    is_checkout: bool,
    entries: usize,
    size: u64,
    /// Gets each file as it is found: no more than one is held.
    take: &'a mut Take<'a>,
}

impl Walk<'_> {
    /// Goes through the files of a folder that are wanted, and of folders below it down to a depth.
    fn folder(&mut self, folder: &Tree<'_>, path: &Path, recurse: bool, depth: usize) -> Result<(), GitError> {
        for entry in folder.iter() {
            let entry = entry?;
            self.count()?;
            let name = entry.filename().to_str_lossy().into_owned();
            let path = path.join(&name);
            let is_wanted = self.is_checkout || is_manifest(&name);
            match entry.mode().kind() {
                EntryKind::Tree if recurse && depth == 0 => return Err(GitError::TooDeep(DEEPEST)),
                EntryKind::Tree if recurse => {
                    let below = self.repository.find_tree(entry.object_id())?;
                    self.folder(&below, &path, recurse, depth - 1)?;
                }
                EntryKind::Blob | EntryKind::BlobExecutable if is_wanted => self.file(&path, entry.object_id())?,
                EntryKind::Link => {
                    if let Some(file) = self.behind(&path, entry.object_id())?.filter(|_| is_wanted) {
                        self.file(&path, file)?;
                    }
                }
                // A kustomization says itself when it misses something.
                EntryKind::Commit if recurse && !self.is_checkout => return Err(GitError::Submodule(shown(&path))),
                EntryKind::Tree | EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Commit => {}
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), GitError> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(GitError::TooMany(MOST_ENTRIES));
        }
        // Nobody waits for the answer any more.
        if self.interrupt.load(Ordering::Relaxed) { Err(GitError::TooLong) } else { Ok(()) }
    }

    /// The file that a link leads to, over other links too. One to a folder or to nothing is passed over.
    fn behind(&mut self, link: &Path, content: gix::ObjectId) -> Result<Option<gix::ObjectId>, GitError> {
        let (mut place, mut content) = (link.to_owned(), content);
        for _ in 0..MOST_HOPS {
            let leaves = || GitError::LinkLeaves(shown(link));
            let target = self.content(content)?;
            let target = target.to_str().map_err(|_| leaves())?;
            if target.starts_with('/') {
                return Err(leaves());
            }
            let beside = place.parent().unwrap_or(Path::new("")).join(target);
            place = inside(&beside.to_string_lossy()).ok_or_else(leaves)?;
            match self.root.lookup_entry_by_path(&place)? {
                Some(entry) if entry.mode().is_link() => content = entry.object_id(),
                Some(entry) if entry.mode().is_blob() => return Ok(Some(entry.object_id())),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn file(&mut self, path: &Path, id: gix::ObjectId) -> Result<(), GitError> {
        let content = self.content(id)?;
        (self.take)(path, content)
    }

    /// The content of a blob, counted before it is read.
    fn content(&mut self, id: gix::ObjectId) -> Result<Vec<u8>, GitError> {
        let limit = if self.is_checkout { MOST_CHECKOUT } else { MOST_MANIFESTS };
        self.size = self.size.saturating_add(self.repository.find_header(id)?.size());
        if self.size > limit << 20 {
            return Err(GitError::TooLarge(limit));
        }
        Ok(std::mem::take(&mut self.repository.find_object(id)?.data))
    }
}

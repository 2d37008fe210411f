//! Reads what a commit holds below one path: plain manifests, or a whole checkout for Kustomize.
//!
//! Everything comes from the object database; a checkout goes to a temporary folder of its own. A symbolic link is followed
//! only to a file inside the repository. One that leaves it refuses the whole tree.

use super::{GitError, fetch::Fetched};
use gix::{Repository, Tree, bstr::ByteSlice, object::tree::EntryKind};
use plan::GitAsk;
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};
use tempfile::TempDir;

/// Plain manifests may be this long together, in MiB.
const MOST_MANIFESTS: usize = 10;
/// A checkout may be this large, in MiB.
const MOST_CHECKOUT: usize = 100;
/// Folders may be nested this deep.
const DEEPEST: usize = 64;
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

/// Reads what was asked for.
pub(super) fn read(fetched: &Fetched, ask: &GitAsk) -> Result<Found, GitError> {
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
    let mut walk = Walk { repository, root: &root, files: BTreeMap::new(), size: 0 };
    let has_kustomization = KUSTOMIZATIONS.iter().any(|name| folder.find_entry(*name).is_some());
    if has_kustomization && !ask.plain {
        let checkout = tempfile::Builder::new().prefix("leadline-git-").tempdir()?;
        walk.collect(&root, Path::new(""), &|_| true, true, (MOST_CHECKOUT, DEEPEST))?;
        walk.write(checkout.path())?;
        return Ok(Found::Kustomize { commit, checkout, path: name });
    }
    walk.collect(&folder, &path, &is_manifest, ask.recurse, (MOST_MANIFESTS, DEEPEST))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let files = walk.files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect();
    Ok(Found::Plain { commit, files })
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

struct Walk<'a> {
    repository: &'a Repository,
    root: &'a Tree<'a>,
    files: BTreeMap<String, Vec<u8>>,
    size: usize,
}

impl Walk<'_> {
    /// Collects the files of a folder whose names are wanted; `limits` are MiB in all and levels to go.
    fn collect(
        &mut self,
        folder: &Tree<'_>,
        path: &Path,
        is_wanted: &dyn Fn(&str) -> bool,
        recurse: bool,
        limits: (usize, usize),
    ) -> Result<(), GitError> {
        for entry in folder.iter() {
            let entry = entry?;
            let name = entry.filename().to_str_lossy().into_owned();
            let path = path.join(&name);
            match entry.mode().kind() {
                EntryKind::Tree if recurse && limits.1 > 0 => {
                    let below = self.repository.find_tree(entry.object_id())?;
                    self.collect(&below, &path, is_wanted, recurse, (limits.0, limits.1 - 1))?;
                }
                EntryKind::Blob | EntryKind::BlobExecutable if is_wanted(&name) => {
                    self.take(&path, entry.object_id(), limits.0)?;
                }
                EntryKind::Link => self.follow(&path, &entry.object()?.data, is_wanted(&name), limits.0)?,
                // Submodules are not followed.
                EntryKind::Tree | EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Commit => {}
            }
        }
        Ok(())
    }

    fn follow(&mut self, link: &Path, target: &[u8], is_wanted: bool, limit: usize) -> Result<(), GitError> {
        let leaves = || GitError::LinkLeaves(link.to_string_lossy().into_owned());
        let target = target.to_str().map_err(|_| leaves())?;
        if target.starts_with('/') {
            return Err(leaves());
        }
        let beside = link.parent().unwrap_or(Path::new("")).join(target);
        let target = inside(&beside.to_string_lossy()).ok_or_else(leaves)?;
        let entry = self.root.lookup_entry_by_path(&target)?;
        // A link to a folder, to another link or to nothing is passed over.
        match entry.filter(|entry| is_wanted && entry.mode().is_blob()) {
            Some(entry) => self.take(link, entry.object_id(), limit),
            None => Ok(()),
        }
    }

    fn take(&mut self, path: &Path, id: gix::ObjectId, limit: usize) -> Result<(), GitError> {
        let mut blob = self.repository.find_object(id)?;
        let bytes = std::mem::take(&mut blob.data);
        self.size += bytes.len();
        if self.size > limit << 20 {
            return Err(GitError::TooLarge(limit));
        }
        self.files.insert(path.to_string_lossy().into_owned(), bytes);
        Ok(())
    }

    /// Writes the collected files below a folder. Their paths come from trees, where `..` cannot stand unnoticed.
    fn write(&self, folder: &Path) -> Result<(), GitError> {
        for (path, bytes) in &self.files {
            let clean = inside(path).filter(|clean| clean == Path::new(path));
            let path = folder.join(clean.ok_or_else(|| GitError::PathLeaves(path.clone()))?);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}

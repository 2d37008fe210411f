//! A Git repository in a folder: commits of manifests, for what syncs from Git.
//!
//! It runs the `git` program, cut off from the user's own settings. Calls block; on a runtime they belong in
//! `spawn_blocking`.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Command,
};

/// A repository with one branch, `main`.
#[derive(Clone, Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// Makes a repository in this folder, which is made if it is missing.
    pub fn create(folder: impl Into<PathBuf>) -> io::Result<Repository> {
        let repository = Repository { folder: folder.into() };
        std::fs::create_dir_all(&repository.folder)?;
        repository.git(["init", "--quiet", "--initial-branch=main"])?;
        Ok(repository)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes files (`None` removes one), commits them and returns the commit.
    pub fn commit(&self, message: &str, files: &[(&str, Option<&str>)]) -> io::Result<String> {
        for (path, text) in files {
            let path = self.folder.join(path);
            match text {
                Some(text) => {
                    if let Some(parent) = path.parent() {
                        std::fs::create_dir_all(parent)?;
                    }
                    std::fs::write(path, text)?;
                }
                None => std::fs::remove_file(path)?,
            }
        }
        self.git(["add", "--all"])?;
        self.git(["commit", "--quiet", "--allow-empty", "--message", message])?;
        Ok(self.git(["rev-parse", "HEAD"])?.trim().to_owned())
    }

    fn git<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> io::Result<String> {
        let person = [("NAME", "A Developer"), ("EMAIL", "developer@example.com")];
        let people = ["AUTHOR", "COMMITTER"];
        let identity = people.iter().flat_map(|role| person.map(|(what, is)| (format!("GIT_{role}_{what}"), is)));
        // The same files make the same commit in every run.
        let dates = people.iter().map(|role| (format!("GIT_{role}_DATE"), "2030-01-01T12:00:00Z"));
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(identity)
            .envs(dates)
            .env_remove("GIT_DIR")
            .output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(io::Error::other(format!("git: {}", String::from_utf8_lossy(&output.stderr).trim())))
        }
    }
}

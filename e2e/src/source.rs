//! A repository of one test on a cluster's Git server, and a clone of it that pushes.

use crate::{Stage, installed};
use anyhow::Context;
use sim::world::git::Repository;
use std::process::Command;

/// A bare repository on the server, and the clone that feeds it.
#[derive(Debug)]
pub struct Source {
    clone: Repository,
    name: String,
    git: String,
    protected: String,
}

impl Source {
    /// An empty repository with the name of the stage.
    pub fn create(stage: &Stage) -> anyhow::Result<Self> {
        let name = format!("{}.git", stage.namespace);
        let bare = stage.cluster.git_folder.join(&name);
        let mut init = Command::new("git");
        init.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(bare);
        installed::output(&mut init, "")?;
        let clone = Repository::create(stage.folder.path().join("clone"))?;
        Ok(Self { clone, name, git: stage.cluster.git.clone(), protected: stage.cluster.git_protected.clone() })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("{}{}", self.git, self.name)
    }

    /// Its address for those who know the password.
    pub fn protected(&self) -> String {
        format!("{}{}", self.protected, self.name)
    }

    /// Commits files (`None` removes one), pushes, and returns the commit.
    pub fn push(&self, files: &[(&str, Option<&str>)]) -> anyhow::Result<String> {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let commit = self.clone.commit(&names.join(", "), files).context("the commit failed")?;
        let mut push = Command::new("git");
        push.arg("-C").arg(self.clone.folder()).args(["push", "--quiet", &self.url(), "main"]);
        installed::output(&mut push, "")?;
        Ok(commit)
    }
}

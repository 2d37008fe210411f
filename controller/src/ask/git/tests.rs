//! Against a real repository in a temporary folder, over `file://`; in `network` over https and ssh.

mod network;
mod trees;

use super::*;
use std::{path::Path, process::Command};
use tempfile::TempDir;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", "-C"])
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes folders");
    std::fs::write(path, text).expect("writes");
}

/// A repository with two commits; its folder and the first commit.
fn repository() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q"]);
    write(folder.path(), "app/web.yaml", "version: 1");
    write(folder.path(), "app/notes.txt", "no manifest");
    write(folder.path(), "app/more/deep.json", "{}");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    git(folder.path(), &["tag", "-a", "v1", "-m", "v1"]);
    let first = git(folder.path(), &["rev-parse", "HEAD"]);
    write(folder.path(), "app/web.yaml", "version: 2");
    git(folder.path(), &["commit", "-q", "-a", "-m", "two"]);
    (folder, first)
}

struct World {
    repository: TempDir,
    first: String,
    _cache: TempDir,
    git: GitInProcess,
}

fn world() -> World {
    let (repository, first) = repository();
    let cache = tempfile::tempdir().expect("a folder");
    let settings = GitSettings {
        cache: cache.path().to_owned(),
        allow_file: true,
        kubectl: "kubectl".into(),
        namespace: "argocd".into(),
    };
    World { repository, first, _cache: cache, git: GitInProcess::new(settings, None) }
}

impl World {
    fn ask(&self, revision: &str, path: &str) -> GitAsk {
        GitAsk {
            repository: format!("file://{}", self.repository.path().display()),
            revision: revision.into(),
            path: path.into(),
            plain: false,
            recurse: false,
            round: 0,
        }
    }

    async fn look(&self, revision: &str, path: &str) -> Result<GitAnswer, String> {
        self.git.look(self.ask(revision, path)).await
    }
}

fn files(answer: &GitAnswer) -> Vec<String> {
    answer.files.iter().map(|(path, text)| format!("{path}={text}")).collect()
}

#[tokio::test]
async fn branches_tags_commits_and_head_are_found() {
    let world = world();
    let second = git(world.repository.path(), &["rev-parse", "HEAD"]);
    for (revision, commit, version) in [
        ("main", &second, 2),
        ("", &second, 2),
        ("HEAD", &second, 2),
        ("refs/heads/main", &second, 2),
        ("v1", &world.first, 1),
        (&world.first.clone(), &world.first, 1),
    ] {
        let answer = world.look(revision, "app").await.unwrap_or_else(|error| panic!("{revision}: {error}"));
        assert_eq!(&answer.commit, commit, "{revision}");
        assert_eq!(files(&answer), [format!("app/web.yaml=version: {version}")], "{revision}");
        assert_eq!(answer.source_type, "Directory");
    }
}

#[tokio::test]
async fn a_branch_that_moved_is_seen_and_folders_below_are_read_when_asked() {
    let world = world();
    world.look("main", "app").await.expect("found");
    write(world.repository.path(), "app/web.yaml", "version: 3");
    git(world.repository.path(), &["commit", "-q", "-a", "-m", "three"]);
    let ask = GitAsk { recurse: true, ..world.ask("main", "./app/more/..") };
    let answer = world.git.look(ask).await.expect("found");
    assert_eq!(files(&answer), ["app/more/deep.json={}", "app/web.yaml=version: 3"]);
    // History may be rewritten too.
    git(world.repository.path(), &["reset", "-q", "--hard", &world.first]);
    assert_eq!(files(&world.look("main", "app").await.expect("found")), ["app/web.yaml=version: 1"]);
}

#[tokio::test]
async fn what_is_missing_or_forbidden_is_said() {
    let mut world = world();
    let error = |looked: Result<GitAnswer, String>| looked.expect_err("refused");
    assert_eq!(error(world.look("nowhere", "app").await), "unable to resolve 'nowhere' to a commit SHA");
    assert_eq!(error(world.look("main", "none").await), "none: app path does not exist");
    assert_eq!(error(world.look("main", "../..").await), "path \"../..\" leaves the repository");
    let lost = GitAsk { repository: "file:///no/such/repository".into(), ..world.ask("main", "app") };
    assert!(!error(world.git.look(lost).await).is_empty());
    let bare = world.repository.path().display().to_string();
    for repository in ["ext::sh -c true", "ftp://git.example/shop", bare.as_str()] {
        let ask = GitAsk { repository: repository.into(), ..world.ask("main", "app") };
        let expected = format!("repository address {repository:?} is not supported: use https, http, ssh or git");
        assert_eq!(error(world.git.look(ask).await), expected);
    }
    world.git.settings.allow_file = false;
    let switched_off = error(world.look("main", "app").await);
    assert_eq!(switched_off, "repositories on the controller's own file system are switched off");
}

#[tokio::test]
async fn a_revision_is_a_name_and_nothing_else() {
    let world = world();
    for revision in [
        "--upload-pack=touch /tmp/owned",
        "main:refs/heads/owned",
        "refs/heads/main:refs/heads/owned",
        "+main",
        "^main",
        "*",
        "refs/heads/*",
        "../../main",
        "main\nHEAD",
        "main^{tree}",
        "@{1}",
        "$(touch owned)",
    ] {
        let error = world.look(revision, "app").await.expect_err(revision);
        assert_eq!(error, format!("unable to resolve '{revision}' to a commit SHA"));
    }
    assert_eq!(git(world.repository.path(), &["for-each-ref", "--format=%(refname)"]), "refs/heads/main\nrefs/tags/v1");
}

#[tokio::test]
async fn a_kustomization_is_rendered_from_a_checkout() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = world();
    let folder = world.repository.path();
    write(folder, "app/kustomization.yaml", "resources: [web.yaml, ../base]");
    write(folder, "base/kustomization.yaml", "resources: []");
    git(folder, &["add", "."]);
    git(folder, &["commit", "-q", "-m", "kustomize"]);
    let tools = tempfile::tempdir().expect("a folder");
    let program = tools.path().join("kubectl");
    std::fs::write(&program, "#!/bin/sh\ncat \"$3/web.yaml\" \"$3/../base/kustomization.yaml\"\n").expect("writes");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets");
    world.git.renderer = Renderer::new(&program.to_string_lossy());
    let answer = world.look("main", "app").await.expect("rendered");
    assert_eq!(files(&answer), ["app=version: 2resources: []"]);
    assert_eq!(answer.source_type, "Kustomize");
    let plain = GitAsk { plain: true, ..world.ask("main", "app") };
    assert_eq!(world.git.look(plain).await.expect("read").source_type, "Directory");
}

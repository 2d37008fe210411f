//! Trees that are not what they seem: links, bombs, huge files, manifests that are elsewhere, paths that lead out.

use super::*;

/// Commits everything that lies in the folder.
fn committed(world: &World, message: &str) {
    git(world.repository.path(), &["add", "."]);
    git(world.repository.path(), &["commit", "-q", "-m", message]);
}

/// Makes an object of the text; its name.
fn hashed(world: &World, arguments: &[&str], text: &[u8]) -> String {
    use std::{io::Write, process::Stdio};
    let mut command = Command::new("git");
    command.arg("-C").arg(world.repository.path()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("git runs");
    child.stdin.take().expect("an input").write_all(text).expect("writes");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn links_stay_inside() {
    use std::os::unix::fs::symlink;
    let world = world();
    let folder = world.repository.path();
    symlink("more/deep.json", folder.join("app/link.json")).expect("links");
    symlink("link.json", folder.join("app/again.json")).expect("links");
    symlink("circle.json", folder.join("app/circle.json")).expect("links");
    symlink("nowhere.json", folder.join("app/broken.json")).expect("links");
    symlink("more", folder.join("app/folder.json")).expect("links");
    committed(&world, "inside");
    let found = files(&world.look("main", "app").await.expect("found"));
    assert_eq!(found, ["app/again.json={}", "app/link.json={}", "app/web.yaml=version: 2"]);
    for (name, target) in [("out.yaml", "../../../etc/passwd"), ("root.yaml", "/etc/passwd"), ("notes", "../..")] {
        symlink(target, folder.join("app").join(name)).expect("links");
        committed(&world, "outside");
        let error = world.look("main", "app").await.expect_err("refused");
        assert_eq!(error, format!("app/{name}: the symbolic link leaves the repository"));
        git(folder, &["rm", "-q", &format!("app/{name}")]);
    }
}

#[tokio::test]
async fn paths_stay_inside() {
    let world = world();
    for path in ["..", "../..", "app/../..", "/../app", "app/../../app"] {
        let error = world.look("main", path).await.expect_err(path);
        assert_eq!(error, format!("path {path:?} leaves the repository"));
    }
    assert!(world.look("main", "/app").await.is_ok(), "the root is that of the repository");
}

#[tokio::test]
async fn a_huge_file_is_refused_before_it_is_read() {
    let world = world();
    write(world.repository.path(), "app/huge.yaml", &"a".repeat(11 << 20));
    committed(&world, "huge");
    let error = world.look("main", "app").await.expect_err("refused");
    assert_eq!(error, "the files are larger than 10 MiB together");
    write(world.repository.path(), "app/huge.yaml", "a: 1");
    write(world.repository.path(), "app/huge.bin", &"a".repeat(11 << 20));
    committed(&world, "no manifest");
    assert_eq!(files(&world.look("main", "app").await.expect("found"))[0], "app/huge.yaml=a: 1");
}

#[tokio::test]
async fn a_bomb_of_folders_is_refused() {
    let world = world();
    let file = hashed(&world, &["hash-object", "-w", "--stdin"], b"a: 1");
    let mut tree = hashed(&world, &["mktree"], format!("100644 blob {file}\ta.yaml\n").as_bytes());
    // Twelve small objects that name 10^12 files.
    for _ in 0..12 {
        let entries: String = (0..10).map(|number| format!("040000 tree {tree}\tf{number}\n")).collect();
        tree = hashed(&world, &["mktree"], entries.as_bytes());
    }
    let commit = git(world.repository.path(), &["commit-tree", "-m", "bomb", &tree]);
    git(world.repository.path(), &["update-ref", "refs/heads/bomb", &commit]);
    let ask = GitAsk { recurse: true, plain: true, ..world.ask("bomb", "") };
    let error = world.git.look(ask).await.expect_err("refused");
    assert_eq!(error, "there are more than 100000 files and folders");
}

#[tokio::test]
async fn folders_below_a_bound_are_not_left_out_silently() {
    let world = world();
    let deep = vec!["d"; 70].join("/");
    write(world.repository.path(), &format!("app/{deep}/deep.yaml"), "a: 1");
    committed(&world, "deep");
    let ask = GitAsk { recurse: true, plain: true, ..world.ask("main", "app") };
    assert_eq!(world.git.look(ask).await.expect_err("refused"), "folders are nested deeper than 64");
}

#[tokio::test]
async fn manifests_that_are_elsewhere_are_refused_not_missing() {
    let world = world();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    write(world.repository.path(), "lfs/big.yaml", pointer);
    committed(&world, "lfs");
    let error = world.look("main", "lfs").await.expect_err("refused");
    assert_eq!(error, "lfs/big.yaml: Forbidden: files in Git LFS are not supported by this version");
    let module = format!("160000,{},app/module", world.first);
    git(world.repository.path(), &["update-index", "--add", "--cacheinfo", &module]);
    git(world.repository.path(), &["commit", "-q", "-m", "submodule"]);
    let ask = GitAsk { recurse: true, plain: true, ..world.ask("main", "app") };
    let error = world.git.look(ask).await.expect_err("refused");
    assert_eq!(error, "app/module: Forbidden: submodules are not supported by this version");
    assert!(world.look("main", "app").await.is_ok(), "folders below are not looked at, so nothing is missed");
    assert_eq!(world.look("main", "app/module").await.expect_err("refused"), "app/module: app path does not exist");
}

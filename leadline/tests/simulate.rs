//! `leadline simulate` as a script sees it: exit codes, what goes to which output, and where files come from.

#![allow(clippy::expect_used, reason = "a test: what must hold")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn example(name: &str) -> String {
    examples().join(name).display().to_string()
}

/// Runs with these arguments and this standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadline"));
    command.arg("simulate").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
    child.wait_with_output().expect("the binary ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_exit_code_is_the_ending() {
    let (hosts, canary, analysis) = (example("istio-hosts.yaml"), example("canary.yaml"), example("analysis.yaml"));
    let good = ["--metric", "p99-milliseconds=1", "--metric", "success-rate=1"];
    for (arguments, code, says) in [
        (vec!["-f", &hosts], 0, "Promoted in "),
        (vec!["-f", &canary, "--promote"], 0, "Promoted in "),
        (
            [&["-f", &analysis, "--pods-ready-after", "never"], good.as_slice()].concat(),
            1,
            "Taken back by itself after ",
        ),
        (vec!["-f", &canary], 3, "Waits at step 2 of 6, `pause: {}`, until `kubectl leadline promote web`."),
    ] {
        let output = run(&arguments, "");
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}{}", text(&output.stderr));
        assert!(printed.lines().last().is_some_and(|last| last.starts_with(says)), "{arguments:?}: {printed}");
        assert!(!printed.contains('\u{1b}'), "no colours without a terminal");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn bad_input_is_2_and_says_where() {
    let (canary, folder) = (example("canary.yaml"), examples().display().to_string());
    for (arguments, input, says) in [
        (vec![], "", "--file <FILE>"),
        (vec!["-f", "no-such.yaml"], "", "leadline: no-such.yaml: No such file or directory"),
        (vec!["-f", "-"], "a: [", "leadline: standard input:1: "),
        (vec!["-f", &folder], "", "choose one with --rollout NAME"),
        (vec!["-f", &canary, "--metric", "rate"], "", "say NAME=VALUE,VALUE…"),
        (vec!["-f", &canary, "--pods-ready-after", "soon"], "", "`soon` is no time: say 5s, 2m, `never` or `crashes`"),
    ] {
        let output = run(&arguments, input);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(says), "{arguments:?}: {errors}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    let invalid =
        std::fs::read_to_string(example("canary.yaml")).expect("an example").replace("setWeight: 20", "setWeight: 130");
    let output = run(&["-f", "-"], &invalid);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("Nothing moves: "), "the controller's refusal is a story");
}

#[test]
fn files_come_from_folders_and_standard_input() {
    let folder = examples().display().to_string();
    let of_folder = run(&["-f", &folder, "--rollout", "shop"], "");
    assert_eq!(of_folder.status.code(), Some(0), "{}", text(&of_folder.stderr));
    let input = std::fs::read_to_string(example("istio-hosts.yaml")).expect("an example");
    let of_input = run(&["-f", "-"], &input);
    assert_eq!(of_input.status.code(), Some(0), "{}", text(&of_input.stderr));
}

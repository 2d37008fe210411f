//! Command lines that people and scripts type, and what is no command line.

use super::{Arguments, Command, Get, Set, definition, duration};
use clap::FromArgMatches;
use std::time::Duration;

fn parsed(line: &str) -> Result<Arguments, String> {
    let words = ["kubectl-leadline"].into_iter().chain(line.split(' '));
    let matches = definition().try_get_matches_from(words);
    let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
    arguments.map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_sound() {
    definition().debug_assert();
}

#[test]
fn durations() {
    for (text, seconds) in [("0", Some(0)), ("90", Some(90)), ("1m30s", Some(90)), ("-1s", None), ("soon", None)] {
        assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn flags_of_scripts_are_taken() {
    for line in [
        "get ro web -w --no-color --timeout-seconds 5 -n shop",
        "-n shop --context there get rollouts web",
        "list rollout -A --timestamps -w --name web",
        "promote web --full -v 6 --loglevel debug",
        "promote -c web",
        "promote -a web",
        "abort web shop",
        "retry rollout web",
        "undo web --to-revision=3",
        "pause web",
        "get exp compare -w --no-color",
        "get experiment experiment/compare",
        "get rollout rollouts.argoproj.io/web",
        "list exp -A",
        "list experiments",
        "retry experiment compare other",
        "terminate analysisrun run exp",
        "terminate ar ar/run",
        "terminate experiment compare",
        "explain rollout web",
        "explain ro ro/web --no-color",
        "create -f a.yaml -f folder -w --no-color",
        "create --filename=-",
        "create -n shop analysisrun --from quality -a a=1 -a b= --instance-id blue",
        "create analysisrun --from-file q.yaml --generate-name try-",
        "create ar --from quality --global --name now",
        "lint -f a.yaml -f folder",
        "lint --filename -",
        "promote rollout/web",
        "status ro/web",
        "restart web",
        "restart web -i 5m",
        "restart --in=90s web",
        "status web -w=false",
        "status web --watch -t 60s",
        "status --timeout 60s web --request-timeout 5s",
        "set image web *=shop:2 side=s:3",
        "version --short",
        "completion powershell",
        "list ro -wA",
        "promote web --full=true --insecure-skip-tls-verify=true",
        "-n  status web",
        "--as me --as-group a --as-group b -s http://127.0.0.1:1 --insecure-skip-tls-verify list ro",
    ] {
        parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        "get",
        "get rollout",
        "abort",
        "set image web app",
        "set image web",
        "undo web --to-revision=-1",
        "explain web",
        "create",
        "create ar --from a --from-file b",
        "create ar --from a -a =b",
        "lint a.yaml",
        "terminate rollout web",
        "get ro web -w false",
        "get ro web -w=maybe",
        "version --short --short",
    ] {
        parsed(line).expect_err(line);
    }
}

#[test]
fn an_image_may_hold_an_equals_sign() {
    let parsed = parsed("set image web app=r.io/a:1=2").expect("parses");
    let Command::Set(Set::Image { images, .. }) = parsed.command else { panic!("is set image") };
    assert_eq!(images, [("app".to_owned(), "r.io/a:1=2".to_owned())]);
}

#[test]
fn a_switch_may_be_turned_off() {
    for (line, expected) in [
        ("get ro web", (false, false)),
        ("get ro web -w --no-color", (true, true)),
        ("get ro web --watch=false --no-color=true", (false, true)),
        ("get ro -w=true --no-color=False web", (true, false)),
    ] {
        let Command::Get(Get::Rollout { showing, .. }) = parsed(line).expect("parses").command else {
            panic!("is get rollout")
        };
        assert_eq!((showing.watch, showing.no_color), expected, "{line}");
    }
    for (line, expected) in [("status web", true), ("status web -w=false", false), ("status web -w", true)] {
        let Command::Status { watch, .. } = parsed(line).expect("parses").command else { panic!("is status") };
        assert_eq!(watch, expected, "{line}");
    }
}

#[test]
fn what_leads_elsewhere_is_no_name() {
    for name in [
        "service/web",
        "rollout/",
        "rollout/web/status",
        "web/status",
        "web?dryRun=All",
        "web#x",
        "%77eb",
        "..",
        "a b",
        "",
    ] {
        for verb in ["abort", "promote", "pause", "retry rollout", "undo", "status", "get ro", "list ro --name"] {
            let words = ["x"].into_iter().chain(verb.split(' ')).chain([name]);
            let error = definition().try_get_matches_from(words).expect_err("is no name").to_string();
            assert!(error.contains("not the name of an object"), "{verb} {name}: {error}");
        }
    }
    assert!(parsed("-n a/b status web").is_err());
    assert_eq!(parsed("-n  status web").expect("parses").connection.namespace(), None);
}

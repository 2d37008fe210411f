//! The demo's story as people play it: the built program, on a real cluster, through real Envoy.
//!
//! What it prints is held to what it promises: how each version ends, the weights as clients measured them, nothing lost.

use anyhow::{Context, ensure};
use e2e::{Cluster, repository, running::program};
use std::process::{Command, Stdio};

/// How the five versions end.
const ENDINGS: [&str; 7] = [
    "✔ v1 is healthy and has all of the traffic",
    "✔ v2 has all of the traffic; ",
    "success-rate measured [0.",
    "✖ Metric \"success-rate\" assessed Failed due to failed (2) > failureLimit (1)",
    "✔ all of the traffic is on v2 again; nobody had to do anything",
    "✔ v4 has all of the traffic",
    "✔ all of the traffic is on v4 again",
];

/// A weight and the share that clients measured, as a line of the story has them.
fn row(line: &str) -> Option<(u32, f64)> {
    let mut columns = line.split('%');
    let weight = columns.next()?.split_whitespace().last()?.parse().ok()?;
    let share = columns.next()?.trim().parse().ok()?;
    Some((weight, share))
}

/// What it says behind this text, as a number.
fn figure(story: &str, what: &str) -> anyhow::Result<u64> {
    let line = story.lines().find(|line| line.trim_start().starts_with(what)).context(what.to_owned())?;
    Ok(line.split_whitespace().last().context("a figure")?.parse()?)
}

#[test]
fn the_story_is_played_on_a_real_cluster() -> anyhow::Result<()> {
    let _alone = crate::alone();
    Cluster::real()?;
    let mut demo = Command::new(program("leadline")?);
    let ended = demo.args(["demo", "--cluster"]).current_dir(repository()).stdin(Stdio::null()).output()?;
    let story = String::from_utf8_lossy(&ended.stdout);
    println!("{story}");
    ensure!(ended.status.success(), "{}: {}\n{story}", ended.status, String::from_utf8_lossy(&ended.stderr));
    let mut rest = &*story;
    for ending in ENDINGS {
        rest = rest.split_once(ending).with_context(|| format!("{ending:?} does not come, or not in order"))?.1;
    }
    // Of a few hundred requests a share is 8 points off at most, and of few percent half of it.
    let second = story.split("\n2. ").nth(1).and_then(|rest| rest.split("\n3. ").next()).context("an act of v2")?;
    let rows: Vec<(u32, f64)> = second.lines().filter_map(row).collect();
    for weight in [10_u32, 30, 60] {
        let tolerance = (f64::from(weight) / 2.0).min(8.0);
        let is_close = |(seen, share): &(u32, f64)| *seen == weight && (share - f64::from(weight)).abs() <= tolerance;
        ensure!(rows.iter().any(is_close), "{weight} % was never measured: {rows:?}");
    }
    ensure!(figure(&story, "requests lost for any other reason")? == 0);
    ensure!(figure(&story, "requests sent")? > 1000);
    ensure!(figure(&story, "errors that v3 was made to answer")? > 0);
    Ok(())
}

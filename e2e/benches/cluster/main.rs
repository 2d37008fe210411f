//! Figures of the release build on a light cluster: how soon a weight follows the pods and a status a person's command, what a
//! step writes, how long many updates take, and what idle Rollouts cost. It prints them with the machine that they were taken on,
//! and never fails over a figure.
//!
//! `make bench` builds everything and runs it; `BENCH="idle --rollouts 0,1000"` picks a part. A cluster that runs is used and
//! left alone; one that had to be started is stopped.

#![allow(clippy::indexing_slicing, reason = "JSON that lacks a field counts as null")]

mod answers;
mod arguments;
mod idle;
mod machine;
mod many;
mod process;
mod steps;
mod times;

use arguments::Arguments;
use e2e::{Cluster, installed, stage};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let was_up = Cluster::light_is_up();
    if !was_up {
        eprintln!("starting a light cluster; without its programs, which are built once, this takes ten minutes");
    }
    let cluster = Cluster::light()?;
    let measured = stage::play(measure(&cluster, &arguments));
    if !was_up {
        installed::output(&mut cluster.run("down"), "")?;
    }
    measured
}

async fn measure(cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    println!("{}", machine::describe(cluster)?);
    if arguments.has("latency") {
        steps::latency(cluster, arguments).await?;
    }
    if arguments.has("answers") {
        answers::measure(cluster, arguments).await?;
    }
    if arguments.has("writes") {
        steps::writes(cluster).await?;
    }
    if arguments.has("many") {
        many::measure(cluster, arguments).await?;
    }
    // Last, since the objects that it leaves behind take the cluster a while to remove.
    if arguments.has("idle") {
        idle::measure(cluster, arguments).await?;
    }
    Ok(())
}

//! Plays the demo's story in the world that was asked for; an error when anything of it does not happen.

use anyhow::{Context, bail};
use clap::Args;
use demo::{
    Outcome, Screen,
    world::{
        cluster::{Options, RealCluster},
        embedded::Embedded,
    },
};
use std::{
    future::Future,
    io::{self, IsTerminal},
};
use tokio::signal::ctrl_c;

/// Flags of the demo.
#[derive(Args, Debug)]
pub(crate) struct DemoFlags {
    /// On virtual time, in process, without sockets: the same story within seconds.
    #[arg(long, conflicts_with_all = ["cluster", "keep"])]
    fast: bool,
    /// On a real cluster that e2e/cluster starts on this machine: root on Linux, from a clone of the repository.
    #[arg(long)]
    cluster: bool,
    /// Keep the world after the story, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// What the parts log to standard error: error, warn, info, debug or trace.
    #[arg(long, default_value = "error", value_parser = ["error", "warn", "info", "debug", "trace"])]
    loglevel: String,
}

/// Plays.
pub(crate) fn run(flags: DemoFlags) -> anyhow::Result<()> {
    controller::logging::start(&flags.loglevel, controller::logging::Format::Text);
    let is_terminal = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut screen = Screen::new(Box::new(io::stdout()), is_terminal);
    let runtime = if flags.fast {
        sim::simulation::runtime()?
    } else {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?
    };
    let outcome = runtime.block_on(async {
        if flags.fast {
            let mut world = Embedded::in_process()?;
            return Ok(demo::play(&mut world, &mut screen).await?);
        }
        if flags.cluster { on_cluster(flags.keep, &mut screen).await } else { embedded(flags.keep, &mut screen).await }
    });
    runtime.shutdown_background();
    screen.finish().context("the story could not be printed")?;
    let outcome = outcome?;
    if !outcome.is_good() {
        bail!("{} of {} requests were lost", outcome.lost, outcome.sent);
    }
    Ok(())
}

async fn embedded(is_kept: bool, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let mut world = Embedded::over_http(is_kept).await?;
    until_stopped(async {
        let outcome = demo::play(&mut world, screen).await?;
        if is_kept {
            ctrl_c().await?;
        }
        Ok(outcome)
    })
    .await
}

async fn on_cluster(is_kept: bool, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("where is this program?")?;
    let mut world = RealCluster::up(Options { program, is_kept }).await?;
    let played = until_stopped(async {
        let outcome = demo::play(&mut world, screen).await?;
        if is_kept {
            ctrl_c().await?;
        }
        Ok(outcome)
    })
    .await;
    let closed = world.close().await;
    let outcome = played?;
    closed.context("the story was played, but its remains could not be removed")?;
    Ok(outcome)
}

/// The story, unless somebody presses Ctrl-C first.
async fn until_stopped(story: impl Future<Output = anyhow::Result<Outcome>>) -> anyhow::Result<Outcome> {
    tokio::select! {
        biased;
        outcome = story => outcome,
        _ = ctrl_c() => bail!("stopped before its end"),
    }
}

//! `status`: one line whenever the phase of a Rollout or the reason for it changes, until it is healthy or degraded. The
//! exit code tells scripts how it ended.

use crate::{
    Cluster, Error, Screen,
    cluster::{self, Which},
};
use crds::{Rollout, kind};
use futures::StreamExt;
use kube::{ResourceExt, runtime::watcher::Event};
use rollouts::view::{Phase, Summary};
use std::time::Duration;
use tokio::time::timeout;

/// Whether to wait for the end.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Wait until it is healthy or degraded.
    pub watch: bool,
    /// Fail after this time.
    pub limit: Option<Duration>,
}

/// Shows the status of a Rollout.
pub async fn status(cluster: &Cluster, name: &str, wait: Wait, screen: &mut Screen<'_>) -> Result<(), Error> {
    let looked = look(cluster, name, wait.watch, screen);
    match wait.limit {
        Some(limit) => timeout(limit, looked).await.unwrap_or(Err(Error::TimedOut)),
        None => looked.await,
    }
}

async fn look(cluster: &Cluster, name: &str, watch: bool, screen: &mut Screen<'_>) -> Result<(), Error> {
    let first = Summary::of(&cluster.rollout(name).await?);
    screen.say(&line(&first))?;
    match verdict(&first) {
        Some(end) => end,
        None if watch => until_done(cluster, name, line(&first), screen).await,
        None => Ok(()),
    }
}

async fn until_done(cluster: &Cluster, name: &str, mut said: String, screen: &mut Screen<'_>) -> Result<(), Error> {
    let which = Which { name: Some(name.into()), ..Which::default() };
    let mut events = cluster.watch(&kind::ROLLOUT, &which);
    let mut is_there = true;
    while let Some(event) = events.next().await {
        let object = match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) if object.name_any() == name => object,
            Ok(Event::Init) => {
                is_there = false;
                continue;
            }
            Ok(Event::InitDone) if is_there => continue,
            Ok(Event::Delete(_) | Event::InitDone) => return Err(cluster.gone(&kind::ROLLOUT, name)),
            Ok(_) => continue,
            Err(error) => {
                screen.warn(&format!("Warning: the watch was interrupted and starts again: {error}"));
                continue;
            }
        };
        is_there = true;
        let rollout = cluster::read(&kind::ROLLOUT, &cluster::whole(&object), Rollout::from_value)?;
        let summary = Summary::of(&rollout);
        if line(&summary) != said {
            said = line(&summary);
            screen.say(&said)?;
        }
        if let Some(end) = verdict(&summary) {
            return end;
        }
    }
    Ok(())
}

/// How it ended; `None` while it has not.
fn verdict(summary: &Summary) -> Option<Result<(), Error>> {
    match summary.phase {
        Phase::Healthy => Some(Ok(())),
        Phase::Degraded => Some(Err(Error::Degraded(summary.message.clone()))),
        Phase::Progressing | Phase::Paused | Phase::Unknown => None,
    }
}

fn line(summary: &Summary) -> String {
    let phase = summary.phase.word();
    if summary.message.is_empty() { phase.into() } else { format!("{phase} - {}", summary.message) }
}

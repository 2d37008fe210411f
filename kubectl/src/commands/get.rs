//! `get rollout` and `get experiment`: one of them and everything that belongs to it, once or for as long as somebody watches.

use crate::{
    Cluster, Error, Screen,
    seen::{Change, Seen, Shown, Subject},
};
use futures::{FutureExt, Stream, StreamExt};
use rollouts::view::paint;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// Changes that come within this time are drawn together, so that a terminal does not flicker.
const TOGETHER: Duration = Duration::from_millis(100);
/// How often ages on a terminal are brought up to date.
const TICK: Duration = Duration::from_secs(1);

/// How to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Go on looking.
    pub watch: bool,
    /// Without colours, also on a terminal.
    pub no_color: bool,
    /// Stop looking after this time.
    pub limit: Option<Duration>,
}

/// Shows a Rollout or an Experiment.
pub async fn get(
    cluster: &Cluster,
    subject: Subject,
    name: &str,
    look: Look,
    screen: &mut Screen<'_>,
) -> Result<(), Error> {
    let mut seen = Seen::load(cluster, subject, name).await?;
    screen.with_colours &= !look.no_color;
    if !look.watch {
        warn(&mut seen, screen);
        let view = seen.view(cluster.now()).ok_or_else(|| cluster.gone(&subject.kind(), name))?;
        return screen.print(&page(&view, screen));
    }
    let watched = follow(cluster, subject, name, seen, screen);
    match look.limit {
        // The end of the time is what was asked for, and no failure.
        Some(limit) => timeout(limit, watched).await.unwrap_or(Ok(())),
        None => watched.await,
    }
}

async fn follow(
    cluster: &Cluster,
    subject: Subject,
    name: &str,
    mut seen: Seen,
    screen: &mut Screen<'_>,
) -> Result<(), Error> {
    let mut changes = seen.changes(cluster);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drawn: Option<(Shown, String)> = None;
    loop {
        let view = seen.view(cluster.now()).ok_or_else(|| cluster.gone(&subject.kind(), name))?;
        warn(&mut seen, screen);
        let page = page(&view, screen);
        let is_news = match &drawn {
            None => true,
            // On a terminal time alone is worth drawing; in a log it would be noise.
            Some((last, text)) => {
                if screen.is_terminal {
                    *text != page
                } else {
                    !last.shows_same_as(&view)
                }
            }
        };
        if is_news {
            screen.draw(&page, drawn.is_none())?;
            drawn = Some((view, page));
        }
        tokio::select! {
            change = changes.next() => match change {
                Some(change) => seen.apply(change),
                None => return Ok(()),
            },
            _ = ticks.tick(), if screen.is_terminal => {}
        }
        gather(&mut changes, &mut seen).await;
    }
}

/// Takes in what else comes at once.
async fn gather(changes: &mut (impl Stream<Item = Change> + Unpin), seen: &mut Seen) {
    let end = sleep_until(Instant::now() + TOGETHER).fuse();
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            Some(change) = changes.next() => seen.apply(change),
            () = &mut end => return,
        }
    }
}

fn page(view: &Shown, screen: &Screen<'_>) -> String {
    paint::print(&view.lines(), screen.with_colours)
}

fn warn(seen: &mut Seen, screen: &mut Screen<'_>) {
    for line in seen.take_warnings() {
        screen.warn(&format!("Warning: {line}"));
    }
}

//! The story: five versions of one program, pushed to Git one after the other.
//!
//! Each act says what must be reached, and within which time; whatever is not reached ends the story with an error that
//! says what was there instead. The story acts as its users do: it pushes, promotes and aborts, and touches nothing else.

mod stage;

use crate::{
    error::DemoError,
    manifests::{NAMESPACE, ROLLOUT, Steps, Version},
    outcome::Outcome,
    screen::Screen,
    seen::{Finding, measurements},
    world::World,
};
use kubectl::commands::{Promotion, abort, promote};
use stage::Stage;
use std::time::Duration;

const V1: Version = Version { name: "v1", tag: "v1", error_percent: 0 };
const V2: Version = Version { name: "v2", tag: "v2", error_percent: 0 };
/// Fails three of ten requests.
const V3: Version = Version { name: "v3", tag: "v3-errors30", error_percent: 30 };
const V4: Version = Version { name: "v4", tag: "v4", error_percent: 0 };
const V5: Version = Version { name: "v5", tag: "v5", error_percent: 0 };

/// All versions, for worlds that have to be told how they behave.
pub(crate) const VERSIONS: [Version; 5] = [V1, V2, V3, V4, V5];

/// Nothing that is waited for takes longer, on a machine with two busy cores.
const LIMIT: Duration = Duration::from_secs(60);
/// The first version waits for everything: images, the first sync, the first scrape.
const FIRST_LIMIT: Duration = Duration::from_secs(120);
/// So long the story looks on before a person acts.
const A_LOOK: Duration = Duration::from_secs(4);
/// A share that clients measure may be so many points away from the weight, or half of it: they see a few hundred requests.
const TOLERANCE: f64 = 8.0;

/// Plays the story to its end.
pub async fn play(world: &mut impl World, screen: &mut Screen) -> Result<Outcome, DemoError> {
    for line in world.introduction() {
        screen.line(&line);
    }
    let mut stage = Stage::set(world, screen).await?;
    first_version(&mut stage).await?;
    good_version(&mut stage).await?;
    failing_version(&mut stage).await?;
    version_that_waits(&mut stage).await?;
    version_taken_back(&mut stage).await?;
    let outcome = stage.outcome(V3.name);
    screen.summary(&outcome, V3.name);
    screen.line("");
    for line in world.suggestions() {
        screen.line(&line);
    }
    Ok(outcome)
}

async fn first_version<W: World>(stage: &mut Stage<'_, W>) -> Result<(), DemoError> {
    stage.act("1. v1 comes from Git");
    stage.push(V1, Steps::Timed, FIRST_LIMIT).await?;
    stage.until("v1 is healthy", FIRST_LIMIT, |seen| seen.is_healthy_on(V1.name)).await?;
    stage.until("clients reach v1", LIMIT, |seen| seen.share.is_some_and(|share| share > 99.0)).await?;
    stage.good("v1 is healthy and has all of the traffic");
    Ok(())
}

async fn good_version<W: World>(stage: &mut Stage<'_, W>) -> Result<(), DemoError> {
    stage.act("2. v2 is good: 10, 30, 60, 100 % while its success rate is watched");
    stage.push(V2, Steps::Timed, LIMIT).await?;
    for weight in [10, 30, 60] {
        stage.until(&format!("v2 has a weight of {weight} %"), LIMIT, |seen| seen.weight == weight).await?;
        stage.until(&format!("clients measure about {weight} %"), LIMIT, |seen| is_close(seen.share, weight)).await?;
    }
    stage.until("v2 is healthy", LIMIT, |seen| seen.is_healthy_on(V2.name)).await?;
    stage.until("all of the traffic is on v2", LIMIT, |seen| seen.share.is_some_and(|share| share > 99.0)).await?;
    let (taken, good) = stage.with_copies(measurements);
    if taken == 0 || taken != good {
        return Err(DemoError::Unusable(format!("the analysis of v2 took {taken} measurements, {good} of them good")));
    }
    stage.good(&format!("v2 has all of the traffic; {taken} measurements of its success rate were good"));
    Ok(())
}

// Clients count in whole percents here.
#[allow(clippy::cast_precision_loss)]
fn is_close(share: Option<f64>, weight: u64) -> bool {
    let (weight, tolerance) = (weight as f64, TOLERANCE.min(weight as f64 / 2.0));
    share.is_some_and(|share| (share - weight).abs() <= tolerance)
}

async fn failing_version<W: World>(stage: &mut Stage<'_, W>) -> Result<(), DemoError> {
    stage.act("3. v3 fails three of ten requests: it is taken back by itself");
    stage.push(V3, Steps::Timed, LIMIT).await?;
    stage.until("v3 has a weight of 10 %", LIMIT, |seen| seen.weight == 10).await?;
    stage.until("v3 is aborted", LIMIT, |seen| seen.phase == "Degraded" && seen.weight == 0).await?;
    let finding = stage.with_copies(Finding::newest);
    let finding = finding.ok_or_else(|| DemoError::Unusable("v3 was aborted, but no analysis run failed".into()))?;
    let Finding { run, metric, values, condition, message } = &finding;
    stage.bad(&format!("{run}: {metric} measured {}, wanted {condition}", values.join(", ")));
    stage.bad(message);
    stage
        .until("all of the traffic is on v2 again", LIMIT, |seen| {
            seen.stable == V2.name && seen.share.is_some_and(|share| share == 0.0)
        })
        .await?;
    stage.good("all of the traffic is on v2 again; nobody had to do anything");
    Ok(())
}

async fn version_that_waits<W: World>(stage: &mut Stage<'_, W>) -> Result<(), DemoError> {
    stage.act("4. v4 waits at 20 % for a person");
    stage.push(V4, Steps::Asking, LIMIT).await?;
    stage.until("v4 is paused at 20 %", LIMIT, |seen| seen.phase == "Paused" && seen.weight == 20).await?;
    stage.look_on(A_LOOK).await?;
    stage.did(&format!("$ kubectl leadline promote {ROLLOUT} -n {NAMESPACE}"));
    let promoted = promote(&stage.plugin(), ROLLOUT, Promotion::Next).await;
    promoted.map_err(|source| DemoError::Plugin { command: "promote".into(), source: source.into() })?;
    stage.until("v4 has a weight of 60 %", LIMIT, |seen| seen.weight == 60).await?;
    stage.until("v4 is healthy", LIMIT, |seen| seen.is_healthy_on(V4.name)).await?;
    stage.good("v4 has all of the traffic");
    Ok(())
}

async fn version_taken_back<W: World>(stage: &mut Stage<'_, W>) -> Result<(), DemoError> {
    stage.act("5. v5 is taken back by a person");
    stage.push(V5, Steps::Asking, LIMIT).await?;
    stage.until("v5 is paused at 20 %", LIMIT, |seen| seen.phase == "Paused" && seen.weight == 20).await?;
    stage.look_on(A_LOOK).await?;
    stage.did(&format!("$ kubectl leadline abort {ROLLOUT} -n {NAMESPACE}"));
    let aborted = abort(&stage.plugin(), ROLLOUT).await;
    aborted.map_err(|source| DemoError::Plugin { command: "abort".into(), source: source.into() })?;
    stage.until("v5 is aborted", LIMIT, |seen| seen.phase == "Degraded" && seen.weight == 0).await?;
    stage
        .until("all of the traffic is on v4 again", LIMIT, |seen| {
            seen.stable == V4.name && seen.share.is_some_and(|share| share == 0.0)
        })
        .await?;
    stage.good("all of the traffic is on v4 again");
    Ok(())
}

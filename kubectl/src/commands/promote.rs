//! `promote`: lets an update go on, by one step or to its end. Which fields say so depends on what holds it.
//!
//! An update that nothing holds skips its current step: so clients have always meant it.

use crate::{Cluster, Error};
use crds::{Rollout, analysis::AnalysisPhase, kind};
use serde_json::{Value, json};

/// How far to promote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// Past what holds it now.
    Next,
    /// To the end, without the rest of the steps, pauses and analyses.
    Full,
    /// Past the current step; an old way to say `Next`.
    SkipCurrentStep,
    /// Past all steps; an old way to say `Full`.
    SkipAllSteps,
}

/// Promotes.
pub async fn promote(cluster: &Cluster, name: &str, promotion: Promotion) -> Result<String, Error> {
    let rollout = cluster.rollout(name).await?;
    if let Some(status) = status_patch(&rollout, promotion)? {
        cluster.merge_status(name, status).await?;
    }
    if promotion == Promotion::Next && rollout.spec.paused {
        cluster.merge(&kind::ROLLOUT, name, &json!({ "spec": { "paused": false } })).await?;
    }
    Ok(match promotion {
        Promotion::Full => format!("rollout '{name}' fully promoted"),
        _ => format!("rollout '{name}' promoted"),
    })
}

/// What to write into the status; `None` where nothing is to be said.
fn status_patch(rollout: &Rollout, promotion: Promotion) -> Result<Option<Value>, Error> {
    let status = &rollout.status;
    let steps = rollout.spec.strategy.canary.as_ref().map_or(0, |canary| canary.steps.len());
    let steps = i32::try_from(steps).unwrap_or(i32::MAX);
    let next = status.current_step_index.unwrap_or(0).saturating_add(1).min(steps);
    Ok(match promotion {
        Promotion::Full => (status.current_pod_hash != status.stable_rs).then(|| json!({ "promoteFull": true })),
        Promotion::SkipCurrentStep => Some(json!({ "currentStepIndex": has_steps(rollout, steps).map(|()| next)? })),
        Promotion::SkipAllSteps => Some(json!({ "currentStepIndex": has_steps(rollout, steps).map(|()| steps)? })),
        Promotion::Next if !status.pause_conditions.is_empty() => {
            let run = status.canary.current_step_analysis_run_status.as_ref();
            let is_undecided = run.is_some_and(|run| run.status == AnalysisPhase::Inconclusive);
            // Clearing the pause alone would start the same analysis once more.
            if is_undecided && status.controller_pause && steps > 0 {
                Some(json!({ "pauseConditions": null, "controllerPause": false, "currentStepIndex": next }))
            } else {
                Some(json!({ "pauseConditions": null }))
            }
        }
        Promotion::Next => (steps > 0).then(|| json!({ "pauseConditions": null, "currentStepIndex": next })),
    })
}

fn has_steps(rollout: &Rollout, steps: i32) -> Result<(), Error> {
    if rollout.spec.strategy.blue_green.is_some() {
        return Err(Error::Usage("Cannot skip steps of a bluegreen rollout. Run without a flags".into()));
    }
    if steps == 0 {
        return Err(Error::Usage("Cannot skip steps of a rollout without steps".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Promotion, status_patch};
    use crds::Rollout;
    use serde_json::{Value, json};

    const BLUE_GREEN: &str = "Cannot skip steps of a bluegreen rollout. Run without a flags";
    const NO_STEPS: &str = "Cannot skip steps of a rollout without steps";

    fn patch(strategy: &Value, status: &Value, promotion: Promotion) -> Result<Option<Value>, String> {
        let rollout = json!({ "spec": { "strategy": strategy }, "status": status });
        let rollout = Rollout::from_value(&rollout).expect("is a Rollout");
        status_patch(&rollout, promotion).map_err(|error| error.to_string())
    }

    #[test]
    fn what_holds_an_update_decides_what_is_written() {
        let steps = json!({"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}});
        let (plain, blue_green) = (json!({"canary": {}}), json!({"blueGreen": {"activeService": "web"}}));
        let paused =
            json!({"pauseConditions": [{"reason": "CanaryPauseStep"}], "controllerPause": true, "currentStepIndex": 1});
        let undecided = json!({
            "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}], "controllerPause": true, "currentStepIndex": 0,
            "canary": {"currentStepAnalysisRunStatus": {"name": "run", "status": "Inconclusive"}},
        });
        let at = |index: i32| json!({ "currentStepIndex": index });
        let skip = |index: i32| Ok(Some(json!({ "pauseConditions": null, "currentStepIndex": index })));
        let cleared = Ok(Some(json!({ "pauseConditions": null })));
        let updating = json!({ "currentPodHash": "b", "stableRS": "a" });
        let done = json!({ "currentPodHash": "a", "stableRS": "a" });
        for (strategy, status, promotion, expected) in [
            (&steps, &paused, Promotion::Next, cleared.clone()),
            (&blue_green, &paused, Promotion::Next, cleared),
            (
                &steps,
                &undecided,
                Promotion::Next,
                Ok(Some(json!({ "pauseConditions": null, "controllerPause": false, "currentStepIndex": 1 }))),
            ),
            (&steps, &at(0), Promotion::Next, skip(1)),
            (&steps, &json!({}), Promotion::Next, skip(1)),
            (&steps, &at(2), Promotion::Next, skip(2)),
            (&plain, &json!({}), Promotion::Next, Ok(None)),
            (&blue_green, &json!({}), Promotion::Next, Ok(None)),
            (&steps, &updating, Promotion::Full, Ok(Some(json!({ "promoteFull": true })))),
            (&steps, &done, Promotion::Full, Ok(None)),
            (&steps, &at(1), Promotion::SkipCurrentStep, Ok(Some(at(2)))),
            (&steps, &at(0), Promotion::SkipAllSteps, Ok(Some(at(2)))),
            (&plain, &at(0), Promotion::SkipAllSteps, Err(NO_STEPS.to_owned())),
            (&blue_green, &json!({}), Promotion::SkipCurrentStep, Err(BLUE_GREEN.to_owned())),
        ] {
            assert_eq!(patch(strategy, status, promotion), expected, "{strategy} {status} {promotion:?}");
        }
    }
}

//! `list experiments`: one line per Experiment, with how much of its time is left.

use crate::{
    Cluster, Error, Screen,
    cluster::{self, Which},
};
use chrono::{DateTime, Utc};
use crds::{Experiment, analysis::AnalysisPhase, duration, kind};
use rollouts::view::{age::short, paint, table};

const COLUMNS: [&str; 5] = ["NAME", "STATUS", "DURATION", "REMAINING", "AGE"];
/// What stands where there is nothing to say.
const NONE: &str = "-";

/// Lists Experiments.
pub async fn list_experiments(cluster: &Cluster, everywhere: bool, screen: &mut Screen<'_>) -> Result<(), Error> {
    let which = Which { everywhere, ..Which::default() };
    let mut experiments = Vec::new();
    for object in cluster.list(&kind::EXPERIMENT, &which).await? {
        experiments.push(cluster::read(&kind::EXPERIMENT, &object, Experiment::from_value)?);
    }
    if experiments.is_empty() {
        screen.warn("No resources found.");
        return Ok(());
    }
    let key = |experiment: &Experiment| (experiment.metadata.namespace.clone(), experiment.metadata.name.clone());
    experiments.sort_by_key(key);
    let head = everywhere.then_some("NAMESPACE").into_iter().chain(COLUMNS);
    let mut rows = vec![head.map(Into::into).collect::<Vec<_>>()];
    for experiment in &experiments {
        let namespace = everywhere.then(|| experiment.metadata.namespace.clone());
        rows.push(namespace.into_iter().chain(cells(experiment, cluster.now())).map(Into::into).collect());
    }
    let widths = table::widths(&rows, &[]);
    screen.print(&paint::print(&table::align(rows, &widths), false))
}

fn cells(experiment: &Experiment, now: DateTime<Utc>) -> [String; 5] {
    let asked = experiment.spec.duration.clone().filter(|text| !text.is_empty());
    let phase = experiment.status.phase;
    let begun = experiment.status.available_at.filter(|_| phase == AnalysisPhase::Running);
    let left = begun.zip(asked.as_deref().and_then(duration::parse_go)).map(|(begun, span)| begun.0 + span - now);
    let created = experiment.metadata.creation_timestamp;
    [
        experiment.metadata.name.clone(),
        phase.to_string(),
        asked.unwrap_or_else(|| NONE.into()),
        left.map_or_else(|| NONE.into(), |left| short(left.max(chrono::TimeDelta::zero()))),
        created.map_or_else(|| "<unknown>".into(), |created| short(now - created.0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::cells;
    use crds::{Experiment, Time};
    use serde_json::json;

    #[test]
    fn what_is_left_counts_from_when_all_pods_were_there() {
        let now = Time::parse("2026-11-23T08:10:00Z").expect("is a time").0;
        for (duration, status, expected) in [
            (json!("5m"), json!({"phase": "Running", "availableAt": "2026-11-23T08:08:00Z"}), ["Running", "5m", "3m"]),
            (json!("60"), json!({"phase": "Running", "availableAt": "2026-11-23T08:08:00Z"}), ["Running", "60", "-"]),
            (json!("1m"), json!({"phase": "Running", "availableAt": "2026-11-23T08:08:00Z"}), ["Running", "1m", "0s"]),
            (json!("5m"), json!({"phase": "Pending"}), ["Pending", "5m", "-"]),
            (
                json!("5m"),
                json!({"phase": "Successful", "availableAt": "2026-11-23T08:08:00Z"}),
                ["Successful", "5m", "-"],
            ),
            (json!(null), json!({}), ["", "-", "-"]),
        ] {
            let experiment = Experiment::from_value(&json!({
                "metadata": {"name": "compare", "creationTimestamp": "2026-11-23T08:00:00Z"},
                "spec": {"duration": duration},
                "status": status,
            }))
            .expect("is an Experiment");
            let [name, phase, asked, left, age] = cells(&experiment, now);
            assert_eq!((name.as_str(), age.as_str()), ("compare", "10m"));
            assert_eq!([phase.as_str(), asked.as_str(), left.as_str()], expected, "{status}");
        }
    }
}

//! `list rollouts`: one line per Rollout, and, for those who watch, another whenever a line has changed.

use crate::{
    Cluster, Error, Screen,
    cluster::{self, Which},
};
use crds::{Rollout, Time, kind};
use futures::StreamExt;
use kube::runtime::watcher::Event;
use rollouts::view::{
    Strategy, Summary,
    paint::{self, Line},
    table,
};
use std::collections::BTreeMap;

/// The columns, each with a width that later lines of a watch will hardly need to exceed.
const COLUMNS: [(&str, usize); 9] = [
    ("NAME", 10),
    ("STRATEGY", 9),
    ("STATUS", 12),
    ("STEP", 4),
    ("SET-WEIGHT", 10),
    ("READY", 5),
    ("DESIRED", 7),
    ("UP-TO-DATE", 10),
    ("AVAILABLE", 9),
];
const NAMESPACE: (&str, usize) = ("NAMESPACE", 9);
const TIMESTAMP: (&str, usize) = ("TIMESTAMP", 20);

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Only the Rollout with this name.
    pub name: Option<String>,
    /// Those of all namespaces, with a column for it.
    pub all_namespaces: bool,
    /// Go on with a line for each change.
    pub watch: bool,
    /// With a column for the time of the line.
    pub timestamps: bool,
}

/// Lists Rollouts.
pub async fn list(cluster: &Cluster, columns: &Columns, screen: &mut Screen<'_>) -> Result<(), Error> {
    let which = Which { name: columns.name.clone(), everywhere: columns.all_namespaces, labels: None };
    let mut known = BTreeMap::new();
    for object in cluster.list(&kind::ROLLOUT, &which).await? {
        let summary = Summary::of(&cluster::read(&kind::ROLLOUT, &object, Rollout::from_value)?);
        known.insert((summary.namespace.clone(), summary.name.clone()), summary);
    }
    if known.is_empty() && !columns.watch {
        screen.warn("No resources found.");
        return Ok(());
    }
    let (names, at_least): (Vec<&str>, Vec<usize>) = columns.all().into_iter().unzip();
    let mut rows = vec![names.into_iter().map(Line::from).collect()];
    rows.extend(known.values().map(|summary| columns.row(summary, cluster)));
    let widths = table::widths(&rows, &at_least);
    screen.print(&paint::print(&table::align(rows, &widths), false))?;
    if !columns.watch {
        return Ok(());
    }
    let mut events = cluster.watch(&kind::ROLLOUT, &which);
    while let Some(event) = events.next().await {
        let object = match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => object,
            Ok(Event::Delete(_) | Event::Init | Event::InitDone) => continue,
            Err(error) => {
                screen.warn(&format!("Warning: the watch was interrupted and starts again: {error}"));
                continue;
            }
        };
        let Ok(rollout) = Rollout::from_value(&cluster::whole(&object)) else { continue };
        let summary = Summary::of(&rollout);
        let key = (summary.namespace.clone(), summary.name.clone());
        if known.get(&key).map(cells) != Some(cells(&summary)) {
            let row = columns.row(&summary, cluster);
            screen.print(&paint::print(&table::align(vec![row], &widths), false))?;
            known.insert(key, summary);
        }
    }
    Ok(())
}

impl Columns {
    fn all(&self) -> Vec<(&'static str, usize)> {
        let first = [self.timestamps.then_some(TIMESTAMP), self.all_namespaces.then_some(NAMESPACE)];
        first.into_iter().flatten().chain(COLUMNS).collect()
    }

    fn row(&self, summary: &Summary, cluster: &Cluster) -> Vec<Line> {
        let time = self.timestamps.then(|| Time::from(cluster.now()).to_string());
        let namespace = self.all_namespaces.then(|| summary.namespace.clone());
        [time, namespace].into_iter().flatten().chain(cells(summary)).map(Line::from).collect()
    }
}

fn cells(summary: &Summary) -> [String; 9] {
    let replicas = summary.replicas;
    let none = || "-".to_owned();
    let (step, weight) = match summary.strategy {
        Strategy::Canary(progress) => (
            progress.step.map_or_else(none, |step| format!("{}/{}", step.index, step.of)),
            progress.set_weight.to_string(),
        ),
        Strategy::BlueGreen | Strategy::Unknown => (none(), none()),
    };
    let strategy = if summary.strategy == Strategy::Unknown { "unknown" } else { summary.strategy.word() };
    [
        summary.name.clone(),
        strategy.to_owned(),
        summary.phase.word().to_owned(),
        step,
        weight,
        format!("{}/{}", replicas.ready, replicas.current),
        replicas.desired.to_string(),
        replicas.updated.to_string(),
        replicas.available.to_string(),
    ]
}

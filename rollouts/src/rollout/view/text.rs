//! A view as lines of text: the head, then the tree as a table. Scripts read both, so names, order and columns stay as
//! they are.

use super::{
    ExperimentView, Icon, Node, NodeKind, Note, Status, Strategy, View, age,
    paint::{Line, Tone},
    table,
};
use chrono::{DateTime, Utc};

/// All lines of a view.
pub fn lines(view: &View) -> Vec<Line> {
    let mut lines = head(view);
    lines.extend(tree(&view.tree, view.at));
    lines
}

/// All lines of an Experiment's view.
pub fn experiment_lines(view: &ExperimentView) -> Vec<Line> {
    let mut lines = vec![field("Name:", &view.name), field("Namespace:", &view.namespace), status(&view.status)];
    if !view.message.is_empty() {
        lines.push(field("Message:", &view.message));
    }
    lines.extend(list("Images:", view.images.iter().map(image)));
    lines.extend(tree(&view.tree, view.at));
    lines
}

fn tree(root: &Node, at: DateTime<Utc>) -> Vec<Line> {
    let mut rows = vec![["NAME", "KIND", "STATUS", "AGE", "INFO"].map(Line::from).to_vec()];
    grow(root, at, "", "", &mut rows);
    let widths = table::widths(&rows, &[]);
    let mut lines = vec![Line::default()];
    lines.extend(table::align(rows, &widths));
    lines
}

fn status(status: &Status) -> Line {
    field("Status:", "").and(status.icon.sign(), status.icon).and(format!(" {}", status.word), Tone::Plain)
}

fn head(view: &View) -> Vec<Line> {
    let summary = &view.summary;
    let mut lines =
        vec![field("Name:", &summary.name), field("Namespace:", &summary.namespace), status(&summary.phase.status())];
    if !summary.message.is_empty() {
        lines.push(field("Message:", &summary.message));
    }
    lines.extend(list("Why:", view.why.iter().map(Line::from)));
    lines.push(field("Strategy:", summary.strategy.word()));
    if let Strategy::Canary(progress) = summary.strategy {
        let step = progress.step.map(|step| format!("{}/{}", step.index, step.of)).unwrap_or_default();
        lines.push(field("  Step:", step));
        lines.push(field("  SetWeight:", progress.set_weight.to_string()));
        lines.push(field("  ActualWeight:", view.actual_weight.unwrap_or(0).to_string()));
    }
    lines.extend(list("Images:", view.images.iter().map(image)));
    let replicas = summary.replicas;
    lines.push("Replicas:".into());
    for (label, count) in [
        ("  Desired:", replicas.desired),
        ("  Current:", replicas.current),
        ("  Updated:", replicas.updated),
        ("  Ready:", replicas.ready),
        ("  Available:", replicas.available),
    ] {
        lines.push(field(label, count.to_string()));
    }
    lines
}

fn field(label: &str, value: impl AsRef<str>) -> Line {
    format!("{label:<17}{}", value.as_ref()).into()
}

fn list(label: &str, values: impl Iterator<Item = Line>) -> Vec<Line> {
    values.enumerate().map(|(index, value)| field(if index == 0 { label } else { "" }, "").then(value)).collect()
}

fn image(image: &super::Image) -> Line {
    let mut line = Line::from(&image.image);
    for (index, tag) in image.tags.iter().enumerate() {
        let tone = match tag {
            super::Tag::Role(role) => Tone::from(*role),
            super::Tag::Experiment(_) => Tone::Plain,
        };
        line = line.and(if index == 0 { " (" } else { ", " }, Tone::Plain).and(tag.to_string(), tone);
    }
    if image.tags.is_empty() { line } else { line.and(")", Tone::Plain) }
}

/// One row for the node and one for each below it. `branch` leads to the node itself, `trunk` to what is below.
fn grow(node: &Node, at: DateTime<Utc>, branch: &str, trunk: &str, rows: &mut Vec<Vec<Line>>) {
    rows.push(row(node, at, branch));
    for (index, child) in node.children.iter().enumerate() {
        let (to_child, below) =
            if index + 1 == node.children.len() { ("└──", "   ") } else { ("├──", "│  ") };
        grow(child, at, &format!("{trunk}{to_child}"), &format!("{trunk}{below}"), rows);
    }
}

fn row(node: &Node, at: DateTime<Utc>, branch: &str) -> Vec<Line> {
    let name = Line::from(format!("{branch}{} ", node.kind.sign())).and(&node.name, name_tone(node));
    let Some(status) = &node.status else { return vec![name] };
    let mut info = Line::default();
    for (index, known) in node.notes.iter().enumerate() {
        info = if index == 0 { info } else { info.and(",", Tone::Plain) };
        info = info.then(note(known, at));
    }
    let age = node.created.map_or_else(|| "<unknown>".into(), |created| age::short(at - created));
    let status = Line::default().and(status.icon.sign(), status.icon).and(format!(" {}", status.word), Tone::Plain);
    vec![name, node.kind.word().into(), status, age.into(), info]
}

/// What is in use or at work has its name in colour.
fn name_tone(node: &Node) -> Tone {
    let icon = node.status.as_ref().map(|status| status.icon);
    match node.kind {
        NodeKind::ReplicaSet => node
            .notes
            .iter()
            .find_map(|note| if let Note::Role(role) = note { Some(Tone::from(*role)) } else { None })
            .unwrap_or_default(),
        NodeKind::AnalysisRun | NodeKind::Experiment | NodeKind::Job => match icon {
            Some(Icon::Progressing | Icon::Waiting) => Tone::Busy,
            _ => Tone::Plain,
        },
        NodeKind::Rollout | NodeKind::Revision | NodeKind::Pod => Tone::Plain,
    }
}

fn note(note: &Note, at: DateTime<Utc>) -> Line {
    match note {
        Note::Role(role) => Line::default().and(role.word(), *role),
        Note::ScaleDown(deadline) if *deadline < at => "delay:passed".into(),
        Note::ScaleDown(deadline) => format!("delay:{}", age::short(*deadline - at)).into(),
        Note::Ready(ready, of) => format!("ready:{ready}/{of}").into(),
        Note::Restarts(count) => format!("restarts:{count}").into(),
        Note::Measured(icon, count) => Line::default().and(icon.sign(), *icon).and(format!(" {count}"), Tone::Plain),
    }
}

impl Icon {
    /// The sign in front of a status.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Good => "✔",
            Self::Progressing => "◌",
            Self::Waiting => "◷",
            Self::Paused => "॥",
            Self::Bad => "✖",
            Self::Warning => "⚠",
            Self::Unknown => "?",
            Self::Neutral => "•",
            Self::Blank => " ",
        }
    }
}

impl NodeKind {
    /// The sign in front of a name.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Rollout => "⟳",
            Self::Revision => "#",
            Self::ReplicaSet => "⧉",
            Self::Experiment => "Σ",
            Self::AnalysisRun => "α",
            Self::Pod => "□",
            Self::Job => "⊞",
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::Revision => "",
            Self::ReplicaSet => "ReplicaSet",
            Self::Experiment => "Experiment",
            Self::AnalysisRun => "AnalysisRun",
            Self::Pod => "Pod",
            Self::Job => "Job",
        }
    }
}

//! An explanation as lines of text: what, why, what next, what to do, and what is not known.

use super::{Advice, Command, Explanation, Link};
use crate::rollout::view::{
    age,
    paint::{Line, Tone},
};
use chrono::{DateTime, Utc};

/// All lines. `program` is how a person calls the plugin.
pub fn lines(explanation: &Explanation, program: &str) -> Vec<Line> {
    let Explanation { at, name, namespace, phase, message, chain, next, advice, unknown } = explanation;
    let status = phase.status();
    let mut head = Line::from(format!("Rollout {name} in namespace {namespace} is "))
        .and(format!("{} {}", status.icon.sign(), status.word), status.icon);
    if !message.is_empty() {
        head = head.and(format!(": {message}"), Tone::Plain);
    }
    let mut lines = vec![head];
    section(&mut lines, "Why", [Line::from(format!("  {}", sentence(chain, *at)))]);
    grow(&chain.below, *at, "  ", &mut lines);
    section(&mut lines, "Next", next.iter().map(|text| Line::from(format!("  {text}"))));
    section(&mut lines, "What you can do", advised(advice, namespace, program));
    section(&mut lines, "Not known", unknown.iter().map(|text| Line::from(format!("  {text}"))));
    lines
}

fn section(lines: &mut Vec<Line>, title: &str, content: impl IntoIterator<Item = Line>) {
    let mut content = content.into_iter().peekable();
    if content.peek().is_some() {
        lines.push(Line::default());
        lines.push(title.into());
        lines.extend(content);
    }
}

fn sentence(link: &Link, at: DateTime<Utc>) -> String {
    match link.since {
        Some(since) => {
            format!("{}, since {} ({})", link.what, age::short(at - since), since.format("%H:%M:%S UTC"))
        }
        None => link.what.clone(),
    }
}

fn grow(links: &[Link], at: DateTime<Utc>, trunk: &str, lines: &mut Vec<Line>) {
    for (index, link) in links.iter().enumerate() {
        let (branch, below) = if index + 1 == links.len() { ("└──", "   ") } else { ("├──", "│  ") };
        lines.push(format!("{trunk}{branch} {}", sentence(link, at)).into());
        grow(&link.below, at, &format!("{trunk}{below} "), lines);
    }
}

fn advised<'a>(advice: &'a [Advice], namespace: &'a str, program: &'a str) -> impl Iterator<Item = Line> + 'a {
    let width = advice.iter().map(|one| one.what.chars().count()).max().unwrap_or(0);
    advice.iter().map(move |Advice { what, command }| {
        let command = match command {
            Command::Own(text) => format!("{program} {text} -n {namespace}"),
            Command::Kubectl(text) => format!("kubectl {text} -n {namespace}"),
            Command::Anywhere(text) => format!("kubectl {text}"),
        };
        Line::from(format!("  {what:<width$}  {command}"))
    })
}

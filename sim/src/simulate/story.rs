//! The story of an update for people: what was made up, one line for each change, and how it ended.
//!
//! It prints what happened and chooses no ending. Colours are used only where they are asked for.

use crate::{
    paint::Paint,
    simulate::{
        Ending,
        cast::Cast,
        follow::Played,
        row::{Row, rows},
    },
    simulation::{Line, News, Simulation, beginning, words_of_step},
    world::calls::list,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::io::{self, Write};

/// What happened.
#[derive(Clone, Debug)]
pub struct Story {
    /// `namespace/name` of the Rollout.
    rollout: String,
    name: String,
    /// Its steps, in a few words each.
    steps: Vec<String>,
    opening: Vec<String>,
    rows: Vec<Row>,
    closing: Vec<String>,
    took: TimeDelta,
    ending: Ending,
}

impl Story {
    pub(crate) fn of(
        simulation: &Simulation,
        cast: &Cast,
        (opening, closing): (Vec<String>, Vec<String>),
        played: Played,
    ) -> Story {
        let steps = list(&cast.rollout, "/spec/strategy/canary/steps");
        Story {
            rollout: format!("{}/{}", cast.namespace(), cast.name()),
            name: cast.name().to_owned(),
            steps: steps.iter().map(words_of_step).collect(),
            opening,
            rows: rows(simulation.journal().lines_from(played.first)),
            closing,
            took: played.took,
            ending: played.ending,
        }
    }

    /// How it ended.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Prints it.
    pub fn print(&self, out: &mut dyn Write, has_colours: bool) -> io::Result<()> {
        let painted = |paint: Paint, text: String| if has_colours { paint.on(&text) } else { text };
        let title = format!("Rollout {} on virtual time, from {} on", self.rollout, clock(beginning()));
        writeln!(out, "{}", painted(Paint::Bold, title))?;
        for line in &self.opening {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        let steps: Vec<String> = self.rows.iter().map(|row| self.step(&row.line)).collect();
        let width = steps.iter().map(|step| step.chars().count()).max().unwrap_or(0).max("step".len());
        let times = self.rows.iter().map(|row| clock(row.line.at).len()).max().unwrap_or(0).max("12:00:00".len());
        let head = format!("{:>times$}  {:<width$}  {:>6}  {:>5}  the controller", "time", "step", "weight", "pods");
        writeln!(out, "{}", painted(Paint::Dim, head))?;
        for (row, step) in self.rows.iter().zip(&steps) {
            let time = clock(row.line.at);
            if row.line.news == News::Noted {
                writeln!(out, "{time:>times$}  {}", painted(Paint::Bold, self.noted(&row.line.why)))?;
                continue;
            }
            let (weight, pods) = (weight(&row.line), pods(&row.line));
            let said = colour(&row.line).map_or_else(|| said(row), |paint| painted(paint, said(row)));
            writeln!(out, "{time:>times$}  {step:<width$}  {weight:>6}  {pods:>5}  {said}")?;
        }
        writeln!(out)?;
        let is_played = !matches!(self.ending, Ending::Invalid(_));
        for line in self.closing.iter().filter(|_| is_played) {
            writeln!(out, "{line}")?;
        }
        let (paint, words) = self.last_words();
        writeln!(out, "{}", painted(paint, words))
    }

    fn step(&self, line: &Line) -> String {
        let Some((index, of)) = line.step else { return "-".to_owned() };
        match usize::try_from(index).ok().and_then(|index| self.steps.get(index)) {
            Some(words) => format!("{}/{of} {words}", index + 1),
            None => "all done".to_owned(),
        }
    }

    /// What a person does is shown as the command that does it.
    fn noted(&self, what: &str) -> String {
        let action = what.strip_prefix("USER ").and_then(|rest| rest.strip_prefix(self.name.as_str()));
        match action.and_then(|rest| rest.strip_prefix(": ")) {
            None => what.to_owned(),
            Some(action) => match action.strip_prefix("set image ") {
                Some(image) => format!("$ kubectl leadline set image {} {image}", self.name),
                None => format!("$ kubectl leadline {action} {}", self.name),
            },
        }
    }

    fn last_words(&self) -> (Paint, String) {
        let took = span(self.took);
        match &self.ending {
            Ending::Promoted => (Paint::Green, format!("Promoted in {took}: the new version has all of the traffic.")),
            Ending::TakenBack(why) => (Paint::Red, format!("Taken back by itself after {took}. {}", plain(why))),
            Ending::Degraded(why) => (Paint::Red, format!("Stuck after {took}, and not taken back. {}", plain(why))),
            Ending::Invalid(why) => (Paint::Red, format!("Nothing moves: {why}")),
            Ending::Waits(why) => (Paint::Yellow, format!("Waits {why}.")),
            Ending::Defect(wrong) => (
                Paint::Red,
                format!("The controller broke a rule of its own, please report this:\n{}", wrong.join("\n")),
            ),
        }
    }
}

/// A condition's reason before a message says the same again.
fn plain(message: &str) -> &str {
    message.trim_start_matches("RolloutAborted: ").trim_start_matches("ProgressDeadlineExceeded: ")
}

fn said(row: &Row) -> String {
    if row.times == 1 {
        return row.line.why.clone();
    }
    format!("{} ({} times, the last at {})", row.line.why, row.times, clock(row.last))
}

fn colour(line: &Line) -> Option<Paint> {
    match (line.news, line.phase.as_str()) {
        (News::Wrong, _) | (_, "Degraded") => Some(Paint::Red),
        (_, "Healthy") => Some(Paint::Green),
        (News::Waits, "Paused") => Some(Paint::Yellow),
        _ => None,
    }
}

/// The canary's share: of the routes, or of the pods where there are none.
fn weight(line: &Line) -> String {
    let (stable, canary) = line.pods;
    let of_pods = || (canary * 100 + (stable + canary) / 2).checked_div(stable + canary).map(|share| share as u64);
    let share = line.weight.or_else(|| line.step.and_then(|_| of_pods()));
    share.map_or_else(|| "-".to_owned(), |share| format!("{share} %"))
}

fn pods(line: &Line) -> String {
    match line.pods {
        (stable, 0) => stable.to_string(),
        (stable, canary) => format!("{stable}+{canary}"),
    }
}

/// The time of the day, after the number of days.
fn clock(at: DateTime<Utc>) -> String {
    let days = (at.date_naive() - beginning().date_naive()).num_days();
    let time = at.format("%H:%M:%S");
    if days == 0 { time.to_string() } else { format!("{days}d {time}") }
}

fn span(duration: TimeDelta) -> String {
    let secs = duration.num_seconds();
    let parts = [(secs / 86_400, "d"), (secs / 3600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let shown: Vec<String> =
        parts.iter().skip_while(|(count, _)| *count == 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join("") }
}

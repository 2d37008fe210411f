//! How the story looks: aligned lines, calm, with colours only on a terminal.
//!
//! It prints what it is given. A line that cannot be written (a closed pipe) is remembered and told at the end.

use crate::{outcome::Outcome, seen::Seen};
use sim::paint::Paint;
use std::{fmt, io, time::Duration};

/// The last column may be this long.
const LONGEST_WORDS: usize = 96;

/// Where the story is printed.
pub struct Screen {
    out: Box<dyn io::Write + Send>,
    has_colours: bool,
    broken: Option<io::Error>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Screen").field("has_colours", &self.has_colours).finish_non_exhaustive()
    }
}

impl Screen {
    /// Prints to `out`.
    pub fn new(out: Box<dyn io::Write + Send>, has_colours: bool) -> Self {
        Self { out, has_colours, broken: None }
    }

    /// Why lines could not be written, if so.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.broken.map_or(Ok(()), Err)
    }

    /// One line as it is.
    pub fn line(&mut self, text: &str) {
        if self.broken.is_none()
            && let Err(error) = writeln!(self.out, "{text}").and_then(|()| self.out.flush())
        {
            self.broken = Some(error);
        }
    }

    /// The heading of an act, and of its columns.
    pub(crate) fn act(&mut self, title: &str) {
        self.line("");
        let title = self.painted(title, Paint::Bold);
        self.line(&title);
        let columns = format!(
            "{:>7}  {:<16} {:>6}  {:>8}  {:>7}  {}",
            "time", "step", "weight", "measured", "success", "the controller"
        );
        let columns = self.painted(&columns, Paint::Dim);
        self.line(&columns);
    }

    /// How things stand.
    pub(crate) fn row(&mut self, elapsed: Duration, seen: &Seen) {
        let step = if seen.step.is_empty() { "-" } else { &seen.step };
        let says = says(seen);
        let says = match seen.phase.as_str() {
            "Degraded" => self.painted(&says, Paint::Red),
            "Healthy" => self.painted(&says, Paint::Green),
            "Paused" => self.painted(&says, Paint::Yellow),
            _ => says,
        };
        let success = match seen.success {
            Some(percent) if percent < 95.0 => self.painted(&format!("{:>7}", shown(seen.success)), Paint::Red),
            _ => format!("{:>7}", shown(seen.success)),
        };
        let line = format!(
            "{:>7}  {step:<16} {:>4} %  {:>8}  {success}  {says}",
            clock(elapsed),
            seen.weight,
            shown(seen.share),
        );
        self.line(&line);
    }

    /// Something that somebody did.
    pub(crate) fn did(&mut self, elapsed: Duration, text: &str) {
        let text = self.painted(text, Paint::Bold);
        self.line(&format!("{:>7}  {text}", clock(elapsed)));
    }

    /// Something that is as promised.
    pub(crate) fn good(&mut self, elapsed: Duration, text: &str) {
        let mark = self.painted("✔", Paint::Green);
        self.line(&format!("{:>7}  {mark} {text}", clock(elapsed)));
    }

    /// Something that was found bad.
    pub(crate) fn bad(&mut self, elapsed: Duration, text: &str) {
        let mark = self.painted("✖", Paint::Red);
        self.line(&format!("{:>7}  {mark} {text}", clock(elapsed)));
    }

    /// The figures at the end.
    pub(crate) fn summary(&mut self, outcome: &Outcome, failing: &str) {
        self.line("");
        let title = self.painted("In figures", Paint::Bold);
        self.line(&title);
        let mut figure = |what: &str, value: String| self.line(&format!("  {what:<44}{value:>9}"));
        figure("requests sent", outcome.sent.to_string());
        figure(&format!("errors that {failing} was made to answer"), outcome.own_errors.to_string());
        figure("requests lost for any other reason", outcome.lost.to_string());
        // On virtual time the computer's own work takes none.
        if let Some((middle, longest)) = outcome.reaction().filter(|(_, longest)| !longest.is_zero()) {
            figure("pod ready to weight written, in the middle", millis(middle));
            figure("the slowest of them", millis(longest));
        }
        figure("the story took", clock(outcome.took));
        for why in &outcome.lost_why {
            self.line(&format!("    lost: {why}"));
        }
    }

    fn painted(&self, text: &str, paint: Paint) -> String {
        if self.has_colours { paint.on(text) } else { text.to_owned() }
    }
}

/// What the controller says: what it waits for, or else how the Rollout is.
fn says(seen: &Seen) -> String {
    let words = match seen.phase.as_str() {
        "" if seen.sync_message.is_empty() => "has not seen this version yet".to_owned(),
        "" => seen.sync_message.clone(),
        "Healthy" => "healthy".to_owned(),
        // The prefix is the condition's reason, and says the same again; the cause gets lines of its own.
        "Degraded" => {
            let words = seen.message.trim_start_matches("RolloutAborted: ");
            words.split_once(": ").map_or(words, |(what, _)| what).to_owned()
        }
        // Its message is a name until the controller says more.
        "Paused" if seen.why.is_empty() => "paused".to_owned(),
        _ if seen.why.is_empty() => seen.message.clone(),
        _ => seen.why.clone(),
    };
    if words.chars().count() <= LONGEST_WORDS {
        return words;
    }
    words.chars().take(LONGEST_WORDS - 1).chain(['…']).collect()
}

fn shown(percent: Option<f64>) -> String {
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"))
}

fn clock(elapsed: Duration) -> String {
    let tenths = elapsed.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("is not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn rows_are_aligned_with_their_heading() {
        let paper = Paper::default();
        let mut screen = Screen::new(Box::new(paper.clone()), false);
        let seen = Seen {
            phase: "Paused".into(),
            step: "2/6 pause 8s".into(),
            weight: 10,
            share: Some(9.72),
            success: Some(100.0),
            why: "paused until 09:16:51".into(),
            ..Seen::default()
        };
        screen.act("Act 2");
        screen.row(Duration::from_millis(75_340), &seen);
        let printed = String::from_utf8(paper.0.lock().expect("is not poisoned").clone()).expect("is text");
        let expected = "\n\
            Act 2\n\
            \x20  time  step             weight  measured  success  the controller\n\
            \x201:15.3  2/6 pause 8s       10 %     9.7 %  100.0 %  paused until 09:16:51\n";
        assert_eq!(printed, expected);
    }

    #[test]
    fn long_words_are_cut() {
        let seen = Seen { phase: "Progressing".into(), why: "x".repeat(500), ..Seen::default() };
        assert_eq!(says(&seen).chars().count(), LONGEST_WORDS);
    }
}

//! Text with colours, apart from what it says: a span knows what it means, and only printing turns that into a colour.

use super::{Icon, Role};

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// On its way.
    Busy,
    /// Not known, or not proven yet.
    Open,
}

impl Tone {
    /// The number in the terminal's escape sequence.
    fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Good => Some(32),
            Self::Bad => Some(31),
            Self::Busy => Some(94),
            Self::Open => Some(33),
        }
    }
}

impl From<Icon> for Tone {
    fn from(icon: Icon) -> Self {
        match icon {
            Icon::Good => Self::Good,
            Icon::Progressing => Self::Busy,
            Icon::Waiting | Icon::Unknown => Self::Open,
            Icon::Bad | Icon::Warning => Self::Bad,
            Icon::Paused | Icon::Neutral | Icon::Blank => Self::Plain,
        }
    }
}

impl From<Role> for Tone {
    fn from(role: Role) -> Self {
        match role {
            Role::Canary => Self::Open,
            Role::Stable | Role::Active => Self::Good,
            Role::Preview => Self::Busy,
            Role::Ping | Role::Pong => Self::Plain,
        }
    }
}

/// A piece of text and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// What it means.
    pub tone: Tone,
}

/// A line, or a cell of a table.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line {
    /// Its pieces, in order.
    pub spans: Vec<Span>,
}

impl Line {
    /// The line and another piece.
    pub fn and(mut self, text: impl Into<String>, tone: impl Into<Tone>) -> Self {
        self.spans.push(Span { text: text.into(), tone: tone.into() });
        self
    }

    /// The line and another line after it.
    pub fn then(mut self, more: Self) -> Self {
        self.spans.extend(more.spans);
        self
    }

    /// How many characters wide it is.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.chars().count()).sum()
    }

    /// The text, with escape sequences where colours are wanted, and without blanks at its end.
    pub fn print(&self, with_colours: bool) -> String {
        let kept = self.spans.iter().rposition(|span| !span.text.trim_end().is_empty()).map_or(0, |last| last + 1);
        let mut text = String::new();
        for (index, span) in self.spans.iter().take(kept).enumerate() {
            let piece = if index + 1 == kept { span.text.trim_end() } else { span.text.as_str() };
            match span.tone.code().filter(|_| with_colours) {
                Some(code) => text.push_str(&format!("\u{1b}[{code}m{piece}\u{1b}[0m")),
                None => text.push_str(piece),
            }
        }
        text
    }
}

impl<T: Into<String>> From<T> for Line {
    fn from(text: T) -> Self {
        Self::default().and(text, Tone::Plain)
    }
}

/// All lines as one text.
pub fn print(lines: &[Line], with_colours: bool) -> String {
    lines.iter().map(|line| line.print(with_colours) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::{Line, Tone, print};

    #[test]
    fn colours_are_added_when_printing_only() {
        let line = Line::from("a ").and("✔", Tone::Good).and(" b", Tone::Plain).and("  ", Tone::Plain);
        assert_eq!(line.width(), 7);
        assert_eq!(line.print(false), "a ✔ b");
        assert_eq!(line.print(true), "a \u{1b}[32m✔\u{1b}[0m b");
        assert_eq!(print(&[line, Line::default()], false), "a ✔ b\n\n");
    }
}

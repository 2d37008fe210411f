//! Where a command prints: its output, its errors, and whether somebody looks at it. Chooses no words.

use crate::Error;
use std::{fmt, io::Write};

/// Moves to the top left and clears what was there.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Where a command prints.
pub struct Screen<'a> {
    /// What was asked for.
    pub out: &'a mut (dyn Write + Send),
    /// What went wrong.
    pub errors: &'a mut (dyn Write + Send),
    /// Whether output is drawn over itself while it changes.
    pub is_terminal: bool,
    /// Whether output has colours, unless the command is told otherwise.
    pub with_colours: bool,
}

impl fmt::Debug for Screen<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Screen").field("is_terminal", &self.is_terminal).finish_non_exhaustive()
    }
}

impl Screen<'_> {
    /// Prints a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), Error> {
        self.print(&format!("{line}\n"))
    }

    /// Prints a text as it is.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(Error::Output)
    }

    /// Prints a text in place of the last one; where there is no terminal, below it.
    pub(crate) fn draw(&mut self, text: &str, is_first: bool) -> Result<(), Error> {
        let before = if self.is_terminal {
            CLEAR
        } else if is_first {
            ""
        } else {
            "\n"
        };
        self.print(&format!("{before}{text}"))
    }

    /// Prints a line about something that went wrong, and goes on whether or not anybody can read it.
    pub(crate) fn warn(&mut self, line: &str) {
        _ = writeln!(self.errors, "{line}");
    }
}

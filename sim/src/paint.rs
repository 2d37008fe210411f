//! The few colours of a terminal that stories are printed in. Whether there is a terminal, and what a colour is for, is for
//! whoever prints.

/// A colour or weight of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Titles, and what a person does.
    Bold,
    /// Heads of columns.
    Dim,
    /// What is well.
    Green,
    /// What waits.
    Yellow,
    /// What is bad.
    Red,
}

impl Paint {
    /// The text between the codes that turn this on and everything off.
    pub fn on(self, text: &str) -> String {
        let code = match self {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Green => 32,
            Paint::Yellow => 33,
            Paint::Red => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::Paint;

    #[test]
    fn everything_is_turned_off_again() {
        assert_eq!(Paint::Green.on("well"), "\u{1b}[32mwell\u{1b}[0m");
    }
}

//! A part of the traffic, as people read it.

use std::fmt;

/// A weight, and the weight that stands for all of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The weight.
    pub weight: i32,
    /// All of the traffic.
    pub whole: i32,
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole {
            100 => write!(out, "{} %", self.weight),
            whole => write!(out, "{} of {whole}", self.weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn parts_of_a_hundred_are_percents() {
        assert_eq!(Share { weight: 5, whole: 100 }.to_string(), "5 %");
        assert_eq!(Share { weight: 5, whole: 1000 }.to_string(), "5 of 1000");
    }
}

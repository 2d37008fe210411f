//! The one wake-up of a plan: the earliest moment at which anything in it asked to be looked at again.

use chrono::{DateTime, Utc};

/// When to look again at the latest. Watch events and answers wake an object at once, whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requeue {
    /// Only an event or an answer wakes the object.
    #[default]
    Never,
    /// At this time.
    At(DateTime<Utc>),
}

impl Requeue {
    /// The earlier of the two.
    pub fn earliest(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(one), Self::At(two)) => Self::At(one.min(two)),
            (Self::Never, other) => other,
            (one, Self::Never) => one,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn the_earlier_wins_and_never_yields() {
        let early = Requeue::At(DateTime::UNIX_EPOCH);
        let late = Requeue::At(DateTime::UNIX_EPOCH + TimeDelta::seconds(1));
        for (one, two, expected) in [
            (early, late, early),
            (late, early, early),
            (Requeue::Never, late, late),
            (late, Requeue::Never, late),
            (Requeue::Never, Requeue::Never, Requeue::Never),
        ] {
            assert_eq!(one.earliest(two), expected);
        }
    }
}

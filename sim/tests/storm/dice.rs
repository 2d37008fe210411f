//! Draws from a seed: the same seed and topic give the same row of draws on every machine.

use sim::world::chance::Chance;

/// A row of draws.
pub(crate) struct Dice {
    chance: Chance,
    turn: u64,
}

impl Dice {
    /// Draws about one topic of a seed.
    pub(crate) fn new(seed: u64, topic: &str) -> Dice {
        Dice { chance: Chance::new(seed).named(topic), turn: 0 }
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.turn += 1;
        self.chance.about(self.turn).below(limit)
    }

    /// A number from the first to the second, both included.
    pub(crate) fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Does something happen that happens this many times in a hundred?
    pub(crate) fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        let turn = usize::try_from(self.below(all.len() as u64)).expect("a small number");
        all[turn].clone()
    }
}

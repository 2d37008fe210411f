//! Chance from a seed: the same question gives the same answer in every run, in whatever order questions come.

/// Answers questions by chance.
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Chance with this seed.
    pub fn new(seed: u64) -> Chance {
        Chance(mix(seed))
    }

    /// Chance about a narrower topic.
    pub fn about(self, topic: u64) -> Chance {
        Chance(mix(self.0 ^ mix(topic)))
    }

    /// Chance about something that has a name.
    pub fn named(self, name: &str) -> Chance {
        name.bytes().fold(self, |chance, byte| Chance(mix(chance.0 ^ u64::from(byte))))
    }

    /// A number below `limit`, or 0.
    pub fn below(self, limit: u64) -> u64 {
        mix(self.0).checked_rem(limit).unwrap_or(0)
    }

    /// Does something happen that happens this many times in a hundred?
    pub fn happens(self, percent: f64) -> bool {
        // 2^32 parts are exact in an f64.
        let part = f64::from(u32::try_from(mix(self.0) >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        part * 100.0 < percent
    }

    /// One of these, if there are any.
    pub fn pick<T>(self, all: &[T]) -> Option<&T> {
        let index = self.below(u64::try_from(all.len()).ok()?);
        all.get(usize::try_from(index).ok()?)
    }
}

// The finalizer of splitmix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn about_as_often_as_asked() {
        let chance = Chance::new(7);
        let hits = (0..10_000).filter(|&turn| chance.about(turn).happens(30.0)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert_eq!((0..1_000).filter(|&turn| chance.about(turn).happens(0.0)).count(), 0);
        assert_eq!((0..1_000).filter(|&turn| chance.about(turn).happens(100.0)).count(), 1_000);
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.pick::<u8>(&[]), None);
    }
}

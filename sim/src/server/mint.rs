//! New names and uids, the same in every run of the same story.

use crate::server::State;
use std::collections::BTreeMap;

/// What was minted so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minted {
    /// By kind: one more definition must not change who polls when in a story.
    uids: BTreeMap<String, u64>,
    /// By the prefix that was asked for: one more uid elsewhere must not rename the pods of a story.
    names: BTreeMap<String, u64>,
}

impl State {
    /// A new uid for an object of this kind.
    pub(crate) fn uid(&mut self, plural: &str) -> String {
        let state = self.minted.uids.entry(plural.to_owned()).or_insert_with(|| seed_of(plural));
        let (high, low) = (random(state), random(state));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// A name that begins with this, and ends in five letters that make it unique.
    pub(crate) fn name(&mut self, prefix: &str) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut number = random(self.minted.names.entry(prefix.to_owned()).or_insert_with(|| seed_of(prefix)));
        let mut name = prefix.to_owned();
        for _ in 0..5 {
            let index = usize::try_from(number % 27).unwrap_or_default();
            name.extend(LETTERS.get(index).map(|&letter| char::from(letter)));
            number /= 27;
        }
        name
    }
}

fn seed_of(text: &str) -> u64 {
    text.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
}

// Looks random and is the same in every run of the same story (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

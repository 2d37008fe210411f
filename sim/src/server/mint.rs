//! New names and uids, the same in every run of the same story.

use crate::server::State;

impl State {
    /// A new uid.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.random(), self.random());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// Five letters that make a generated name unique.
    pub(crate) fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut number = self.random();
        let mut text = String::new();
        for _ in 0..5 {
            let index = usize::try_from(number % 27).unwrap_or_default();
            text.extend(LETTERS.get(index).map(|&letter| char::from(letter)));
            number /= 27;
        }
        text
    }

    // Looks random and is the same in every run of the same story (splitmix64).
    fn random(&mut self) -> u64 {
        self.minted = self.minted.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.minted;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

//! What is measured, and how much of it: the words behind `cargo bench … --`.
//!
//! Knows nothing of what the words mean.

use anyhow::{Context, bail};

/// The parts, in the order in which they run.
const PARTS: [&str; 5] = ["latency", "answers", "writes", "many", "idle"];

/// What is measured.
#[derive(Debug)]
pub(crate) struct Arguments {
    parts: Vec<String>,
    /// Canaries, of twenty weights each, whose latency is measured.
    pub(crate) canaries: usize,
    /// Commands of a person whose answer is timed.
    pub(crate) commands: usize,
    /// Rollouts that get a new version at once.
    pub(crate) many: usize,
    /// Numbers of idle Rollouts, growing.
    pub(crate) rollouts: Vec<usize>,
    /// Pods of each idle Rollout.
    pub(crate) pods: usize,
}

impl Arguments {
    /// Reads them; none means everything.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let rollouts = vec![0, 1000, 5000];
        let mut read = Self { parts: Vec::new(), canaries: 10, commands: 150, many: 1000, rollouts, pods: 0 };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} wants a value"));
            match word.as_str() {
                // Cargo says so itself.
                "--bench" => {}
                "--canaries" => read.canaries = value()?.parse().context("--canaries")?,
                "--commands" => read.commands = value()?.parse().context("--commands")?,
                "--many" => read.many = value()?.parse().context("--many")?,
                "--pods" => read.pods = value()?.parse().context("--pods")?,
                "--rollouts" => {
                    let counts: Result<Vec<usize>, _> = value()?.split(',').map(str::parse).collect();
                    read.rollouts = counts.context("--rollouts")?;
                    read.rollouts.sort_unstable();
                }
                part if PARTS.contains(&part) => read.parts.push(word),
                other => {
                    bail!(
                        "{other}: known are {}, --canaries N, --commands N, --many N, --rollouts N,N,…, --pods N",
                        PARTS.join(", ")
                    )
                }
            }
        }
        Ok(read)
    }

    /// Whether this part is wanted.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

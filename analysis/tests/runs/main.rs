//! Whole runs, played with made-up answers: stories with a known end, and properties that hold for every story.

// Clippy's leave for tests does not reach the functions that tests share.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod memory;
mod properties;
mod stories;
mod world;

//! The rules for Rollouts: which pods, which traffic, which step, and why not yet.
//!
//! Everything here is a plain function of what is observed and the time. `decide` returns what to do next about one Rollout;
//! `audit` is a second opinion on it. Nothing waits, calls, or looks at a clock.

mod child;
pub mod experiment;
pub mod rollout;
pub mod template;

pub use rollout::{Ended, Observed, References, Refusal, audit, decide, ended, lint, view};

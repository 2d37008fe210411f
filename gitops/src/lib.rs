//! The rules for Applications: a folder of a Git repository that a cluster follows.
//!
//! [`decide`] looks at an [`Observed`] and returns a plan: what to ask (a tree in Git, live objects, dry runs), what to
//! apply or delete, what to write down. Which file answers which question: `validate` what is carried out, `look` whether
//! an answer is fresh, `manifest` and `desired` what Git asks for, `diff` and `comparison` what differs, `health` what is
//! well, `automated` whether to sync, `operation` how a sync goes, `waves` and `prune` in which order, `status` what is
//! reported, `memory` what is remembered. Nothing here calls, waits or looks at a clock.

pub mod application;
pub mod automated;
pub mod comparison;
pub mod deletion;
pub mod desired;
pub mod diff;
pub mod health;
pub mod key;
pub mod look;
pub mod manifest;
pub mod memory;
pub mod observed;
pub mod operation;
pub mod prune;
pub mod status;
pub mod tracking;
pub mod validate;
pub mod waves;

pub use application::decide;
pub use diff::FIELD_MANAGER;
pub use observed::{Observed, Refusal};

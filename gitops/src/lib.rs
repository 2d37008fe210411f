//! The rules for Applications: a folder of a Git repository that a cluster follows.
//!
//! [`decide`] looks at an [`Observed`] and returns a plan: what to ask (a tree in Git, live objects, dry runs), what to
//! apply or delete, what to write down. Which file answers which question: `validate` what is carried out, `look` whether
//! an answer is fresh, `manifest` and `desired` what Git asks for, `diff` and `comparison` what differs, `health` what is
//! well, `automated` whether to sync, `operation` how a sync goes, `waves` and `prune` in which order, `deletion` what goes
//! with its Application, `tracking` whose an object is, `status` what is reported, `memory` what is remembered. Nothing here calls, waits or looks at a clock.

mod application;
mod automated;
mod comparison;
mod deletion;
mod desired;
pub mod diff;
mod health;
pub mod key;
mod look;
pub mod manifest;
mod memory;
mod observed;
mod operation;
mod prune;
mod status;
mod tracking;
mod validate;
mod waves;

pub use application::decide;
pub use diff::FIELD_MANAGER;
pub use observed::{Observed, Refusal};

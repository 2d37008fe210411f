//! The rules for AnalysisRuns: when a metric is measured, what its answer means, and when and how the run ends.
//!
//! [`decide`] looks at a run and at the answers to what earlier plans asked, and returns a plan. Nothing here calls a
//! metric provider, reads a Secret or looks at a clock.

mod arguments;
pub mod condition;
#[cfg(test)]
mod fixture;
mod lint;
mod measurement;
mod memory;
mod metric;
mod observed;
mod provider;
mod refusal;
mod report;
mod run;
mod schedule;
mod time_to_live;
mod validate;
mod verdict;

pub use lint::{lint_run, lint_template};
pub use observed::Observed;
pub use run::decide;

//! Options written as `Key=value`: of a whole sync, and of one object in an annotation.
//!
//! An option that asks for what happens anyway is accepted, one that asks for something else is refused by its place, and
//! a key that is unknown is ignored.

use super::SpecError;
use plan::Propagation;

/// Options of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Create the destination's namespace when it is missing.
    pub create_namespace: bool,
    /// What happens to the dependents of a pruned object.
    pub propagation: Propagation,
    /// Report only objects that were out of sync.
    pub out_of_sync_only: bool,
    /// Options that every object gets.
    pub resources: ResourceOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create_namespace: false,
            propagation: Propagation::Foreground,
            out_of_sync_only: false,
            resources: ResourceOptions::default(),
        }
    }
}

/// Options of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceOptions {
    /// Never delete it because Git no longer has it.
    pub is_kept_from_pruning: bool,
    /// Never delete it together with the Application.
    pub is_kept_on_deletion: bool,
}

impl Options {
    /// Reads the options of a sync.
    pub(super) fn parse(given: &[String], path: &str, errors: &mut Vec<SpecError>) -> Self {
        let mut options = Self::default();
        for (place, text) in given.iter().enumerate() {
            let is_read = match text.trim().split_once('=').unwrap_or((text.trim(), "")) {
                ("CreateNamespace", value) => read_bool(value, &mut options.create_namespace),
                ("ApplyOutOfSyncOnly", value) => read_bool(value, &mut options.out_of_sync_only),
                ("PrunePropagationPolicy", "foreground") => set(&mut options.propagation, Propagation::Foreground),
                ("PrunePropagationPolicy", "background") => set(&mut options.propagation, Propagation::Background),
                ("PrunePropagationPolicy", "orphan") => set(&mut options.propagation, Propagation::Orphan),
                ("PrunePropagationPolicy", _) => false,
                (key, value) => options.resources.read(key, value),
            };
            if !is_read {
                errors.push(SpecError::Unsupported { path: format!("{path}[{place}]") });
            }
        }
        options
    }
}

impl ResourceOptions {
    /// Reads the options in an object's annotation; the first that nothing here acts on is the error.
    pub fn parse(annotation: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for text in annotation.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            if !options.read(key, value) {
                return Err(text.to_owned());
            }
        }
        Ok(options)
    }

    /// Both options together: what either keeps is kept.
    pub fn with(self, other: Self) -> Self {
        Self {
            is_kept_from_pruning: self.is_kept_from_pruning || other.is_kept_from_pruning,
            is_kept_on_deletion: self.is_kept_on_deletion || other.is_kept_on_deletion,
        }
    }

    /// Takes one option in, or says that nothing here acts on it.
    fn read(&mut self, key: &str, value: &str) -> bool {
        match (key, value) {
            ("Prune", "false") => set(&mut self.is_kept_from_pruning, true),
            ("Delete", "false") => set(&mut self.is_kept_on_deletion, true),
            ("Prune" | "Delete" | "Validate" | "ServerSideApply" | "ClientSideApplyMigration", "true") => true,
            ("Replace" | "Force" | "FailOnSharedResource" | "RespectIgnoreDifferences", "false") => true,
            // Objects are pruned last and missing kinds never stop a comparison, whatever this says.
            ("PruneLast" | "SkipDryRunOnMissingResource", "true" | "false") => true,
            (
                "Prune"
                | "Delete"
                | "Validate"
                | "ServerSideApply"
                | "ClientSideApplyMigration"
                | "Replace"
                | "Force"
                | "FailOnSharedResource"
                | "RespectIgnoreDifferences"
                | "PruneLast"
                | "SkipDryRunOnMissingResource",
                _,
            ) => false,
            _ => true,
        }
    }
}

fn set<T>(field: &mut T, value: T) -> bool {
    *field = value;
    true
}

fn read_bool(text: &str, field: &mut bool) -> bool {
    match text {
        "true" => set(field, true),
        "false" => set(field, false),
        _ => false,
    }
}

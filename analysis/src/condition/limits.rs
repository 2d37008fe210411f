//! What one evaluation may cost, and how it says no.
//!
//! A condition comes from whoever may write a template and runs inside the controller that serves everyone, so each of
//! nodes, nesting, steps, elements and pattern size has a hard limit. No limit is a time: the same input always ends
//! in the same way.

/// Nodes in one expression, as in the language that existing manifests were written for.
pub(super) const MAX_NODES: usize = 10_000;
/// Brackets within brackets. Bounds the recursion of the parser.
pub(super) const MAX_NESTING: usize = 128;
/// Levels of the tree. A level of brackets may take two, and a chain of accesses takes one each.
pub(super) const MAX_TREE_DEPTH: u16 = 256;
/// Lists within lists. Bounds every recursion over values, dropping them included.
pub(super) const MAX_VALUE_DEPTH: u16 = 200;
/// Steps of one evaluation: nodes visited, elements compared or walked, blocks of text scanned.
const MAX_STEPS: u64 = 1_000_000;
/// Elements made by one evaluation; the language's own memory budget.
const MAX_ELEMENTS: u64 = 1_000_000;
/// Text is paid for in blocks of this many bytes.
const TEXT_BLOCK: u64 = 64;
/// Longest error text that is passed on. It ends in a status, which has a size limit of its own.
const MAX_FAULT_CHARS: usize = 1024;

/// Why an evaluation stopped. The text is for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        match text.char_indices().nth(MAX_FAULT_CHARS) {
            Some((end, _)) => Fault(format!("{}…", text.get(..end).unwrap_or_default())),
            None => Fault(text),
        }
    }

    /// The answer to everything that would take too much time or memory.
    pub(super) fn over_budget() -> Self {
        Fault::new("memory budget exceeded")
    }
}

/// What is left of the budget of one evaluation.
#[derive(Debug)]
pub(super) struct Meter {
    steps_left: u64,
    elements_left: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Meter { steps_left: MAX_STEPS, elements_left: MAX_ELEMENTS }
    }

    /// Pays for work.
    pub(super) fn steps(&mut self, count: usize) -> Result<(), Fault> {
        self.steps_left = pay(self.steps_left, count)?;
        Ok(())
    }

    /// Pays for elements of a new list or map. Exactly the budget is already too much.
    pub(super) fn elements(&mut self, count: usize) -> Result<(), Fault> {
        self.elements_left = pay(self.elements_left, count)?;
        if self.elements_left == 0 { Err(Fault::over_budget()) } else { Ok(()) }
    }

    /// Pays for scanning or making so many bytes of text.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), Fault> {
        let blocks = (bytes as u64) / TEXT_BLOCK;
        self.steps_left = self.steps_left.checked_sub(blocks).ok_or_else(Fault::over_budget)?;
        Ok(())
    }
}

fn pay(left: u64, count: usize) -> Result<u64, Fault> {
    left.checked_sub(count as u64).ok_or_else(Fault::over_budget)
}

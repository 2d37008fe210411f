//! A child under a recorded name: an AnalysisRun or an Experiment that its owner asks for once.
//!
//! The name is recorded in the owner's status first; then exactly that child is created. One that is there under our uid is
//! ours. A name that somebody else holds is a collision: then the next number is tried, and recorded first again. Nothing here
//! writes, and nothing here knows what a child is for.

use crate::rollout::Refusal;
use crds::{AnalysisRun, Experiment, Kind, ObjectMeta, analysis::AnalysisPhase, kind};
use plan::ObjectRef;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is created under a recorded name.
pub trait Child {
    /// Its kind.
    const KIND: Kind;
    /// What stands between the name and the number that tells it from an earlier one.
    const MARK: char;
    /// Its metadata.
    fn meta(&self) -> &ObjectMeta;
    /// How far it is.
    fn phase(&self) -> AnalysisPhase;
}

impl Child for AnalysisRun {
    const KIND: Kind = kind::ANALYSIS_RUN;
    const MARK: char = '.';

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn phase(&self) -> AnalysisPhase {
        self.status.phase
    }
}

impl Child for Experiment {
    const KIND: Kind = kind::EXPERIMENT;
    const MARK: char = '-';

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn phase(&self) -> AnalysisPhase {
        self.status.phase
    }
}

/// The children of one kind that an owner sees.
#[derive(Debug)]
pub struct Children<'a, T> {
    /// Who made them.
    pub owner: &'a ObjectMeta,
    /// All that are seen, whoever controls them.
    pub all: &'a [Arc<T>],
    /// The last write for the owner that the API server refused.
    pub refused: Option<&'a Refusal>,
}

impl<T> Clone for Children<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Children<'_, T> {}

impl<'a, T: Child> Children<'a, T> {
    /// Those that the owner controls.
    pub fn own(self) -> impl Iterator<Item = &'a T> {
        self.all.iter().map(AsRef::as_ref).filter(move |child| child.meta().is_controlled_by(&self.owner.uid))
    }

    /// The child with this name, where it is ours.
    pub fn ours(self, name: &str) -> Option<&'a T> {
        self.own().find(|child| child.meta().name == name)
    }

    /// The child of this name as an object.
    pub fn reference(self, name: &str) -> ObjectRef {
        ObjectRef::of(&T::KIND, &self.owner.namespace, name)
    }

    /// The server said that somebody else holds this name.
    pub fn is_taken(self, name: &str) -> bool {
        self.refused.is_some_and(|refused| refused.object == self.reference(name) && refused.is_taken())
    }

    /// Recorded without a phase and absent means: to be created. With a phase, somebody deleted it.
    pub fn is_due(self, name: &str, recorded: AnalysisPhase) -> bool {
        recorded == AnalysisPhase::Unset && self.ours(name).is_none() && !self.is_taken(name)
    }

    /// The first name of this base that is free, or whose child will do. `recorded` is the name that status holds now.
    pub fn free_name(self, base: &str, recorded: Option<&str>, will_do: impl Fn(&T) -> bool) -> String {
        let numbered = |number: usize| if number == 0 { base.to_owned() } else { format!("{base}{}{number}", T::MARK) };
        let is_free = |name: &String| {
            self.ours(name)
                .is_none_or(|child| !child.phase().is_completed() && !child.meta().is_deleted() && will_do(child))
        };
        // Names that others hold are not in sight: whichever was refused, the next one is tried.
        let taken = recorded.filter(|name| self.is_taken(name)).and_then(|name| number_of::<T>(base, name));
        let first = taken.map_or(0, |number| number.saturating_add(1));
        // One more than there are children: at least one of these names is free.
        let last = first.saturating_add(self.all.len());
        (first..last).map(numbered).find(is_free).unwrap_or_else(|| numbered(last))
    }
}

/// The owner of what is created, as its controller.
pub fn owner(kind: &Kind, meta: &ObjectMeta) -> Value {
    json!({
        "apiVersion": kind.api_version(), "kind": kind.kind, "name": meta.name, "uid": meta.uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// A name without the number that tells it from an earlier one.
pub fn numberless<T: Child>(name: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once(T::MARK).filter(|(_, number)| is_number(number)).map_or(name, |(base, _)| base)
}

/// The number in a name of this base; 0 is the base itself.
pub fn number_of<T: Child>(base: &str, name: &str) -> Option<usize> {
    if name == base {
        return Some(0);
    }
    let digits = name.strip_prefix(base)?.strip_prefix(T::MARK)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn run(name: &str, owner: &str, phase: &str) -> Arc<AnalysisRun> {
        let owner = json!([{"uid": owner, "controller": true}]);
        let run = json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owner}, "status": {"phase": phase}});
        Arc::new(AnalysisRun::from_value(&run).expect("a run"))
    }

    fn refusal(name: &str, message: &str) -> Refusal {
        let object = ObjectRef::of(&kind::ANALYSIS_RUN, "shop", name);
        Refusal { object, is_eviction: false, message: message.into(), at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn a_name_is_free_unless_another_child_or_somebody_else_holds_it() {
        let owner = ObjectMeta { namespace: "shop".into(), uid: "me".into(), ..ObjectMeta::default() };
        let taken = |name: &str| Some(refusal(name, "analysisruns \"x\" already exists"));
        for (there, recorded, refused, expected) in [
            (vec![], None, None, "a"),
            // One that goes on and is the same will do; one that has ended will not.
            (vec![run("a", "me", "Running")], None, None, "a"),
            (vec![run("a", "me", "Failed")], None, None, "a.1"),
            (vec![run("a", "me", "Failed"), run("a.1", "me", "Error")], Some("a.1"), None, "a.2"),
            // What belongs to others counts only once the server said so.
            (vec![run("a", "you", "Failed")], None, None, "a"),
            (vec![], Some("a"), taken("a"), "a.1"),
            (vec![], Some("a.1"), taken("a.1"), "a.2"),
            (vec![run("a.1", "me", "Failed")], Some("a"), taken("a"), "a.2"),
            // What was refused for another reason, or about another name, says nothing.
            (vec![], Some("a"), Some(refusal("a", "forbidden")), "a"),
            (vec![], Some("a"), taken("b"), "a"),
        ] {
            let children = Children { owner: &owner, all: &there, refused: refused.as_ref() };
            assert_eq!(children.free_name("a", recorded, |_| true), expected, "{there:?} {recorded:?} {refused:?}");
        }
    }

    #[test]
    fn what_is_recorded_without_a_phase_and_absent_is_to_be_created() {
        let owner = ObjectMeta { namespace: "shop".into(), uid: "me".into(), ..ObjectMeta::default() };
        let taken = refusal("a", "already exists");
        for (there, recorded, refused, expected) in [
            (vec![], AnalysisPhase::Unset, None, true),
            (vec![], AnalysisPhase::Unset, Some(&taken), false),
            (vec![], AnalysisPhase::Running, None, false),
            (vec![run("a", "me", "")], AnalysisPhase::Unset, None, false),
            (vec![run("a", "you", "")], AnalysisPhase::Unset, None, true),
        ] {
            let children = Children { owner: &owner, all: &there, refused };
            assert_eq!(children.is_due("a", recorded), expected, "{there:?} {recorded:?}");
        }
    }

    #[test]
    fn a_number_stands_behind_its_mark() {
        for (base, name, expected) in [
            ("a-1", "a-1", Some(0)),
            ("a-1", "a-1-2", Some(2)),
            ("a-1", "a-12", None),
            ("a-1", "a-1-x", None),
            ("a", "b", None),
        ] {
            assert_eq!(number_of::<Experiment>(base, name), expected, "{base} {name}");
        }
        assert_eq!(number_of::<AnalysisRun>("a", "a.3"), Some(3));
    }
}

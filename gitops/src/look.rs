//! Looks into Git and at the live objects: finds the answer that is fresh enough, or says what to ask.
//!
//! Time is divided into rounds of the polling interval, shifted for each Application so that not all ask at once. An
//! answer is good for the round in which it comes, so that one slower than a round still counts; a request to refresh asks
//! again at once. Of several answers the latest counts.

use crate::{
    Observed,
    key::{self, Key},
    validate::Spec,
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::keys;
use plan::{Answer, Answered, Ask, GitAnswer, GitAsk, LiveAsk, ObjectRef};
use serde_json::Value;
use std::collections::BTreeMap;

/// Asked rounds of refreshes count from here, so that none is ever the round of a time.
const REFRESH_ROUNDS: u64 = 1 << 63;
/// A longer round than this is no polling at all.
const LONGEST_ROUND: TimeDelta = TimeDelta::days(365);
/// What an apply would make of an object changes little with the object, so a dry run outlives a look at it.
const DRY_RUN_HOLDS: TimeDelta = TimeDelta::minutes(1);

/// What a look found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look<T> {
    /// A fresh answer.
    Found(T),
    /// Nothing yet: this is to be asked.
    Asking(Box<Ask>),
    /// An answer that is an error.
    Failed(String),
}

/// The stretch of time in which one look is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its number.
    pub number: u64,
    /// When it began.
    pub since: DateTime<Utc>,
    /// When the next begins.
    pub until: DateTime<Utc>,
}

impl Round {
    /// The round at a time.
    pub fn at(observed: &Observed, now: DateTime<Utc>) -> Self {
        let length = observed.poll_interval.min(LONGEST_ROUND).num_milliseconds().max(1);
        let shift = i64::try_from(hash(&observed.application.metadata.uid) % 1_000_000).unwrap_or(0) % length;
        let passed = now.timestamp_millis().saturating_add(shift);
        let number = passed.div_euclid(length);
        let since = DateTime::from_timestamp_millis(number.saturating_mul(length).saturating_sub(shift)).unwrap_or(now);
        let until = since.checked_add_signed(TimeDelta::milliseconds(length)).unwrap_or(now);
        Self { number: u64::try_from(number).unwrap_or(0), since, until }
    }
}

/// Which revision is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The Application's own, as it is now.
    Latest,
    /// Another one that somebody named, as it is now.
    Named(&'a str),
    /// This commit, which never changes.
    Pinned(&'a str),
}

/// A tree of manifests.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The commit and its files.
    pub answer: GitAnswer,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
}

/// Looks for a tree.
pub fn tree(observed: &Observed, spec: &Spec, wanted: Wanted<'_>, round: Round) -> Look<Tree> {
    let target = spec.source.target_revision.as_deref().unwrap_or("");
    match wanted {
        Wanted::Pinned(commit) => pinned(observed, spec, commit, round),
        Wanted::Latest => moving(observed, &question(spec, target), refresh_round(observed), round),
        Wanted::Named(revision) => moving(observed, &question(spec, revision), None, round),
    }
}

/// Whether somebody asked for a comparison now.
pub fn is_refresh_wanted(observed: &Observed) -> bool {
    observed.application.metadata.annotations.contains_key(keys::REFRESH)
}

/// Whether somebody asked for a comparison and the look into Git that it needs was answered.
pub fn is_refreshed(observed: &Observed, spec: &Spec, now: DateTime<Utc>) -> bool {
    let look = || tree(observed, spec, Wanted::Latest, Round::at(observed, now));
    is_refresh_wanted(observed) && !matches!(look(), Look::Asking(_))
}

/// Live objects by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Those that exist.
    pub objects: BTreeMap<Key, Value>,
    /// When the answer came.
    pub seen_at: DateTime<Utc>,
}

/// Looks at live objects, not from before `since`.
pub fn live(observed: &Observed, references: Vec<ObjectRef>, since: DateTime<Utc>) -> Look<Live> {
    let ask = Ask::Live(LiveAsk::Get(references));
    match latest(observed, |other| *other == ask).filter(|answered| answered.answered_at >= since) {
        None => Look::Asking(Box::new(ask)),
        Some(Answered { answer: Answer::Live(Ok(objects)), answered_at, .. }) => {
            let objects = objects.iter().filter_map(|object| Some((Key::of(&key::reference(object)?), object.clone())));
            Look::Found(Live { objects: objects.collect(), seen_at: *answered_at })
        }
        Some(Answered { answer: Answer::Live(Err(message)), .. }) => Look::Failed(message.clone()),
        Some(_) => Look::Failed("the question about live objects got another answer".into()),
    }
}

/// What the API server would make of an object that was looked at then. An error counts as an answer.
pub fn dry_run(observed: &Observed, reference: &ObjectRef, body: &Value, seen_at: DateTime<Utc>) -> Look<Value> {
    let since = seen_at - DRY_RUN_HOLDS;
    let ask = Ask::Live(LiveAsk::DryRun(reference.clone(), body.clone()));
    match latest(observed, |other| *other == ask).filter(|answered| answered.answered_at >= since) {
        None => Look::Asking(Box::new(ask)),
        Some(Answered { answer: Answer::DryRun(Ok(object)), .. }) => Look::Found(object.clone()),
        Some(Answered { answer: Answer::DryRun(Err(message)), .. }) => Look::Failed(message.clone()),
        Some(_) => Look::Failed("the dry run got another answer".into()),
    }
}

fn question(spec: &Spec, revision: &str) -> GitAsk {
    let recurse = spec.source.directory.as_ref().is_some_and(|directory| directory.recurse);
    GitAsk {
        repository: spec.source.repo_url.trim().to_owned(),
        revision: revision.to_owned(),
        path: spec.path().to_owned(),
        // A block of settings for plain folders says that it is one.
        plain: recurse,
        recurse,
        round: 0,
    }
}

fn moving(observed: &Observed, question: &GitAsk, refresh: Option<u64>, round: Round) -> Look<Tree> {
    let number = refresh.unwrap_or(round.number);
    let ask = Ask::Git(GitAsk { round: number, ..question.clone() });
    let is_same = |other: &Ask| matches!(other, Ask::Git(git) if GitAsk { round: 0, ..git.clone() } == *question);
    let found = match refresh {
        Some(_) => latest(observed, |other| *other == ask),
        None => latest(observed, is_same).filter(|answered| answered.answered_at >= round.since),
    };
    match found {
        None => Look::Asking(Box::new(ask)),
        Some(answered) => read(answered),
    }
}

fn pinned(observed: &Observed, spec: &Spec, commit: &str, round: Round) -> Look<Tree> {
    let question = question(spec, commit);
    let is_same_place = |git: &GitAsk| GitAsk { round: 0, revision: commit.to_owned(), ..git.clone() } == question;
    // The branch's own answer holds the same tree when the branch is at this commit.
    let held = observed.answers.iter().find(|answered| {
        let is_commit = matches!(&answered.answer, Answer::Git(Ok(answer)) if answer.commit == commit);
        is_commit && matches!(&answered.ask, Ask::Git(git) if is_same_place(git))
    });
    match held {
        Some(answered) => read(answered),
        None => moving(observed, &question, None, round),
    }
}

fn read(answered: &Answered) -> Look<Tree> {
    match &answered.answer {
        Answer::Git(Ok(answer)) => Look::Found(Tree { answer: answer.clone(), asked_at: answered.asked_at }),
        Answer::Git(Err(message)) => Look::Failed(message.clone()),
        _ => Look::Failed("the question to Git got another answer".into()),
    }
}

fn latest(observed: &Observed, is_meant: impl Fn(&Ask) -> bool) -> Option<&Answered> {
    observed.answers.iter().filter(|answered| is_meant(&answered.ask)).max_by_key(|answered| answered.asked_at)
}

/// The round of a refresh: another for each version of the Application, since the request itself makes a new version.
fn refresh_round(observed: &Observed) -> Option<u64> {
    is_refresh_wanted(observed).then(|| REFRESH_ROUNDS | hash(&observed.application.metadata.resource_version))
}

/// FNV-1a: small, and the same on every machine.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::Application;
    use serde_json::json;
    use std::sync::Arc;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("is a time")
    }

    fn observed(annotations: &Value, answers: Vec<Answered>) -> (Observed, Spec) {
        let application = Application::from_value(&json!({
            "metadata": {"name": "web", "namespace": "argocd", "resourceVersion": "9", "annotations": annotations},
            "spec": {"source": {"repoURL": "r", "targetRevision": "main"}, "destination": {"name": "in-cluster"}},
        }))
        .expect("is an Application");
        let spec = crate::validate::spec(&application, false).expect("is carried out");
        let observed = Observed {
            application: Arc::new(application),
            rollouts: Vec::new(),
            answers,
            refusals: Vec::new(),
            landed: Vec::new(),
            poll_interval: TimeDelta::seconds(120),
            allow_file_urls: false,
            controller_namespace: "argocd".into(),
        };
        (observed, spec)
    }

    fn answer(revision: &str, round: u64, asked: i64, answer: Result<&str, &str>) -> Answered {
        let ask = Ask::Git(GitAsk {
            repository: "r".into(),
            revision: revision.into(),
            path: String::new(),
            plain: false,
            recurse: false,
            round,
        });
        let answer = answer.map(|commit| GitAnswer {
            commit: commit.into(),
            files: BTreeMap::new(),
            source_type: "Directory".into(),
        });
        Answered {
            ask,
            answer: Answer::Git(answer.map_err(ToOwned::to_owned)),
            asked_at: at(asked),
            answered_at: at(asked),
        }
    }

    fn shown(look: Look<Tree>) -> String {
        match look {
            Look::Found(tree) => tree.answer.commit,
            Look::Asking(ask) => ask.to_string(),
            Look::Failed(message) => format!("failed: {message}"),
        }
    }

    #[test]
    fn rounds_follow_each_other() {
        let (observed, _) = observed(&json!({}), vec![]);
        let first = Round::at(&observed, at(10_000));
        let next = Round::at(&observed, first.until);
        assert!(first.since <= at(10_000) && at(10_000) < first.until);
        assert_eq!((next.number, next.since), (first.number + 1, first.until));
        assert_eq!(first.until - first.since, TimeDelta::seconds(120));
    }

    #[test]
    fn the_latest_fresh_answer_counts() {
        let none = json!({});
        let refresh = json!({"argocd.argoproj.io/refresh": "normal"});
        let own_round = REFRESH_ROUNDS | hash("9");
        let now = Round::at(&observed(&none, vec![]).0, at(10_000));
        let (old, fresh) = (now.since.timestamp() - 2, now.since.timestamp() + 2);
        for (annotations, answers, wanted, expected) in [
            (&none, vec![], Wanted::Latest, "git r@main:"),
            (&none, vec![answer("main", 1, old, Ok("a"))], Wanted::Latest, "git r@main:"),
            (&none, vec![answer("main", 1, fresh, Ok("a"))], Wanted::Latest, "a"),
            (
                &none,
                vec![Answered { answered_at: at(fresh), ..answer("main", 1, old, Ok("slow")) }],
                Wanted::Latest,
                "slow",
            ),
            (
                &none,
                vec![answer("main", 7, fresh + 1, Ok("b")), answer("main", 1, fresh, Ok("a"))],
                Wanted::Latest,
                "b",
            ),
            (&none, vec![answer("main", 1, fresh, Err("down"))], Wanted::Latest, "failed: down"),
            (&refresh, vec![answer("main", 1, fresh, Ok("a"))], Wanted::Latest, "git r@main:"),
            (&refresh, vec![answer("main", own_round, fresh, Ok("b"))], Wanted::Latest, "b"),
            (&none, vec![answer("main", 1, fresh, Ok("a"))], Wanted::Named("v1"), "git r@v1:"),
            (&none, vec![answer("main", 1, old, Ok("a"))], Wanted::Pinned("a"), "a"),
            (&none, vec![answer("main", 1, fresh, Ok("b"))], Wanted::Pinned("a"), "git r@a:"),
            (&none, vec![answer("a", 1, fresh, Err("gone"))], Wanted::Pinned("a"), "failed: gone"),
        ] {
            let (observed, spec) = observed(annotations, answers);
            let round = Round::at(&observed, at(10_000));
            assert_eq!(shown(tree(&observed, &spec, wanted, round)), expected, "{wanted:?}");
        }
    }

    #[test]
    fn live_objects_by_name() {
        let (mut observed, _) = observed(&json!({}), vec![]);
        let reference = ObjectRef::new("", "v1", "Service", Some("shop"), "web");
        let ask = Ask::Live(LiveAsk::Get(vec![reference.clone()]));
        assert_eq!(live(&observed, vec![reference.clone()], at(5)), Look::Asking(Box::new(ask.clone())));
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}});
        observed.answers.push(Answered {
            ask,
            answer: Answer::Live(Ok(vec![service])),
            asked_at: at(5),
            answered_at: at(6),
        });
        let Look::Found(found) = live(&observed, vec![reference.clone()], at(5)) else { panic!("there is an answer") };
        assert!(found.objects.contains_key(&Key::of(&reference)));
        assert!(matches!(live(&observed, vec![reference], at(7)), Look::Asking(_)));
    }
}

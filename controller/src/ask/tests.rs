//! How long answers are kept, and what makes them stale.

use super::*;
use crate::{metrics::Metrics, queue::Kind, settings::ApiVersions, testing};
use chrono::DateTime;
use plan::GitAsk;
use serde_json::json;

#[derive(Debug)]
struct Nobody;

impl Answerer for Nobody {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        async move { Answer::Git(Err(ask.to_string())) }.boxed()
    }
}

fn answers() -> Arc<Answers> {
    let (client, _) = testing::server(|_| (200, json!({"metadata": {"name": "web"}})));
    let writer = Writer::new(client, ApiVersions::default(), Metrics::default());
    let answerers = Answerers { metrics: Arc::new(Nobody), git: Arc::new(Nobody) };
    Arc::new(Answers::new(Clock::starting_at(DateTime::UNIX_EPOCH), answerers, writer))
}

fn key() -> Key {
    Key::new(Kind::Application, "argocd", "shop")
}

fn git(revision: &str, round: u64) -> Ask {
    Ask::Git(GitAsk {
        repository: "https://git/shop".into(),
        revision: revision.into(),
        path: "app".into(),
        plain: false,
        recurse: false,
        round,
    })
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::new("", "v1", "Service", Some("shop"), name)
}

fn live() -> Ask {
    Ask::Live(LiveAsk::Get(vec![service("web")]))
}

fn asked(answers: &Answers) -> Vec<String> {
    answers.given(&key(), "u").iter().map(|answered| answered.ask.to_string()).collect()
}

#[tokio::test]
async fn a_newer_answer_takes_the_place_of_an_older_one() {
    let answers = answers();
    for ask in [git("main", 1), git("abc", 1), live(), git("main", 2), live()] {
        answers.ask(&key(), "u", &ask).expect("is asked").await;
    }
    assert_eq!(asked(&answers), ["git https://git/shop@abc:app", "git https://git/shop@main:app", "1 live objects"]);
    for commit in 0..10 {
        answers.ask(&key(), "u", &git(&commit.to_string(), 0)).expect("is asked").await;
    }
    assert_eq!(asked(&answers).len(), KEPT + 1, "no more commits than that");
    assert!(answers.given(&key(), "another").is_empty(), "a successor starts with nothing");
}

#[tokio::test]
async fn the_same_question_is_on_its_way_once() {
    let answers = answers();
    let first = answers.ask(&key(), "u", &git("main", 1)).expect("is asked");
    assert!(answers.ask(&key(), "u", &git("main", 1)).is_none());
    assert!(first.await.1);
    assert!(answers.ask(&key(), "u", &git("main", 1)).is_some(), "again, once it was answered");
}

#[tokio::test]
async fn what_changes_all_the_time_is_seen_all_the_same() {
    let answers = answers();
    let slow = answers.ask(&key(), "u", &live()).expect("is asked");
    assert_eq!(answers.outdate_seen(&key()), Outdated::OnceAnswered);
    slow.await;
    assert_eq!(answers.outdate_seen(&key()), Outdated::AfterThisLook);
    assert_eq!(asked(&answers).len(), 1, "a decision sees it");
    assert_eq!(answers.outdate_seen(&key()), Outdated::Now);
    assert!(asked(&answers).is_empty(), "and no other does");
}

#[tokio::test]
async fn what_was_read_is_not_held_while_nothing_is_to_be_done() {
    let answers = answers();
    for ask in [git("main", 1), live()] {
        answers.ask(&key(), "u", &ask).expect("is asked").await;
    }
    answers.rest(&key());
    assert_eq!(asked(&answers), ["git https://git/shop@main:app"]);
}

#[tokio::test]
async fn live_answers_do_not_outlive_a_write() {
    let answers = answers();
    answers.ask(&key(), "u", &live()).expect("is asked").await;
    answers.wrote(&key(), &ObjectRef::new("argoproj.io", "v1alpha1", "Application", Some("argocd"), "shop"));
    assert_eq!(asked(&answers).len(), 1, "its own status is not what was read");
    let slow = answers.ask(&key(), "u", &live()).expect("is asked");
    answers.wrote(&key(), &service("web"));
    assert!(asked(&answers).is_empty());
    slow.await;
    assert!(asked(&answers).is_empty(), "asked before the write");
}

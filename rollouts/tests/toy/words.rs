//! Stories of one line, and short ways to what many of them ask.

use super::{Toy, routed, run};
use serde_json::{Value, json};

impl Toy {
    /// Settles, and plays one word after another: `image=2`, `wait=31`, `abort`, `run=2-pre:Failed`.
    pub fn play(mut self, story: &str) -> Self {
        self.settle();
        for word in story.split_whitespace() {
            self.follow(word);
            self.settle();
        }
        self
    }

    fn follow(&mut self, word: &str) {
        match word.split_once('=').unwrap_or((word, "")) {
            ("image", version) => self.set_image(&format!("web:{version}")),
            ("wait", secs) => drop(self.pass(secs.parse().expect("seconds"))),
            ("promote", _) => self.patch(json!({"status": {"pauseConditions": null}})),
            ("full", _) => self.patch(json!({"status": {"promoteFull": true}})),
            ("abort", _) => self.patch(json!({"status": {"abort": true}})),
            ("retry", _) => self.patch(json!({"status": {"abort": false}})),
            ("hold", _) => self.patch(json!({"spec": {"paused": true}})),
            ("release", _) => self.patch(json!({"spec": {"paused": false}})),
            ("scale", replicas) => self.patch(json!({"spec": {"replicas": replicas.parse::<i32>().expect("pods")}})),
            ("restart", _) => self.patch(json!({"spec": {"restartAt": crds::Time::from(self.now).to_string()}})),
            ("stuck", _) => self.pods_become_ready = false,
            ("ready", _) => {
                self.pods_become_ready = true;
                self.kubelet();
            }
            ("run", ending) => {
                let (suffix, phase) = ending.split_once(':').expect("a run and its phase");
                self.end_run(&run(self, suffix), phase, "too slow");
            }
            (other, _) => panic!("{other}"),
        }
    }

    /// Status, reason and message of a condition; all empty where it is absent.
    pub fn condition(&self, condition_type: &str) -> (String, String, String) {
        let list = self.status("conditions");
        let found = list
            .as_array()
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == condition_type)
            .cloned()
            .unwrap_or_default();
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// What is wrong with it, after the words with which the condition always begins.
    pub fn fault(&mut self) -> String {
        self.settle();
        let message = self.condition("InvalidSpec").2;
        message.strip_prefix("The Rollout \"web\" is invalid: ").unwrap_or(&message).to_owned()
    }

    /// A canary of four pods whose ends are subsets of one host.
    pub fn by_subsets(steps: Value) -> Self {
        let mut strategy = routed(steps);
        strategy["trafficRouting"]["istio"]["destinationRule"] =
            json!({"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"});
        strategy.as_object_mut().expect("an object").retain(|key, _| !key.ends_with("Service"));
        Self::new(strategy, 4).with_istio_subsets()
    }
}

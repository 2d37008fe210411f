//! A list of backends in which each entry names a Service and has a weight: what the two ends hold there, and the same list
//! with other weights. Entries of others, and every field that we do not know, stay as they are.
//!
//! Weights are relative: canary and stable share 100 between them, whatever the others have.

use super::{
    super::{replicas::WHOLE, spec::ends::Ends},
    router::{self, Wanted, Weights},
};
use serde_json::Value;

/// The two ends in the lists of one kind of object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backends<'a> {
    /// The field that names the Service.
    pub key: &'static str,
    /// What the weight is where there is none.
    pub absent: i64,
    /// The Services.
    pub ends: Ends<'a>,
}

impl Backends<'_> {
    /// Whether an entry is this Service.
    pub fn is(&self, backend: &Value, service: &str, namespace: &str) -> bool {
        let text = |field: &str| backend.get(field).and_then(Value::as_str);
        text(self.key) == Some(service)
            && matches!(text("kind"), None | Some("Service"))
            && text("namespace").is_none_or(|found| found == namespace)
    }

    /// Which of the two Services is missing in a list.
    pub fn missing(&self, list: &[Value], namespace: &str) -> Option<&str> {
        let has = |service: &str| list.iter().any(|backend| self.is(backend, service, namespace));
        [self.ends.canary, self.ends.stable].into_iter().find(|service| !has(service))
    }

    /// The weights in a list, where it has both.
    pub fn weights(&self, list: &[Value], namespace: &str) -> Option<Weights> {
        let sum = |service: &str| {
            let of_end = list.iter().filter(|backend| self.is(backend, service, namespace));
            of_end.map(|backend| weight_of(backend).unwrap_or(self.absent)).sum()
        };
        let (canary, stable): (i64, i64) = (sum(self.ends.canary), sum(self.ends.stable));
        let part = |part: i64| router::part_of(WHOLE, part, canary.saturating_add(stable));
        let both = || Weights { canary: part(canary), stable: part(stable) };
        self.missing(list, namespace).is_none().then(both)
    }

    /// The list with the wanted weights.
    pub fn reweighted(&self, list: &[Value], namespace: &str, wanted: &Wanted<'_>) -> Vec<Value> {
        let mut changed = list.to_vec();
        for (service, share) in [(self.ends.canary, wanted.canary), (self.ends.stable, wanted.stable())] {
            let of_end = changed.iter_mut().filter(|backend| self.is(backend, service, namespace));
            for (turn, backend) in of_end.enumerate() {
                // A list may name one end twice: only the first carries its weight.
                let share = if turn == 0 { share } else { 0 };
                if let Value::Object(fields) = backend {
                    fields.insert("weight".into(), share.into());
                }
            }
        }
        changed
    }
}

/// The weight of an entry; some write numbers as texts.
pub(super) fn weight_of(backend: &Value) -> Option<i64> {
    match backend.get("weight")? {
        Value::String(text) => text.parse().ok(),
        weight => weight.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ENDS: Ends<'_> = Ends { canary: "canary", stable: "stable" };
    const BACKENDS: Backends<'_> = Backends { key: "name", absent: 1, ends: ENDS };

    #[test]
    fn the_two_ends_share_a_hundred_and_others_stay() {
        let one = |name: &str, weight: i64| json!({"name": name, "port": 80, "weight": weight});
        let elsewhere = json!({"name": "canary", "namespace": "edge", "weight": 7});
        let nested = json!({"name": "canary", "kind": "TraefikService", "weight": 7});
        for (list, missing, found, changed) in [
            (
                json!([one("stable", 100), one("canary", 0)]),
                None,
                Some((0, 100)),
                json!([one("stable", 70), one("canary", 30)]),
            ),
            (
                json!([{"name": "stable"}, {"name": "canary"}]),
                None,
                Some((50, 50)),
                json!([{"name": "stable", "weight": 70}, {"name": "canary", "weight": 30}]),
            ),
            (
                json!([one("canary", 1), one("canary", 1), one("stable", 1), one("old", 9)]),
                None,
                Some((67, 34)),
                json!([one("canary", 30), one("canary", 0), one("stable", 70), one("old", 9)]),
            ),
            (
                json!([one("stable", 1), elsewhere, nested]),
                Some("canary"),
                None,
                json!([one("stable", 70), elsewhere, nested]),
            ),
            (
                json!([{"name": "canary", "weight": "25"}, {"name": "stable", "weight": "75"}]),
                None,
                Some((25, 75)),
                json!([{"name": "canary", "weight": 30}, {"name": "stable", "weight": 70}]),
            ),
        ] {
            let entries = list.as_array().expect("a list");
            let wanted = Wanted { canary: 30, whole: WHOLE, others: Vec::new(), managed: Vec::new() };
            assert_eq!(BACKENDS.missing(entries, "shop"), missing, "{list}");
            let weights = found.map(|(canary, stable)| Weights { canary, stable });
            assert_eq!(BACKENDS.weights(entries, "shop"), weights, "{list}");
            assert_eq!(Value::Array(BACKENDS.reweighted(entries, "shop", &wanted)), changed, "{list}");
        }
    }
}

//! How the programs in pods behave: when they are ready, how often they fail, how long they take.
//!
//! A pod's annotations under `leadline.dev/` say it, or a table by image that a test may change while the world runs; the
//! table wins.

use crate::world::calls::{at, text};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// When a pod becomes ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// This long after it was made.
    After(Duration),
    /// Never.
    Never,
    /// Its container ends as soon as it starts, again and again.
    Crashes,
}

/// A text that says no [`Readiness`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time: say 5s, 2m, `never` or `crashes`")]
pub struct NoReadiness(String);

impl FromStr for Readiness {
    type Err = NoReadiness;

    fn from_str(text: &str) -> Result<Readiness, NoReadiness> {
        match text {
            "never" => Ok(Readiness::Never),
            "crashes" => Ok(Readiness::Crashes),
            text => span(text).map(Readiness::After).ok_or_else(|| NoReadiness(text.to_owned())),
        }
    }
}

/// How the program of an image behaves; what is absent follows the pod's annotations and the world's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Behaviour {
    /// When its pods become ready: `leadline.dev/ready-after` (`5s`, `never`), `leadline.dev/crashes`.
    pub readiness: Option<Readiness>,
    /// How many of a hundred requests fail: `leadline.dev/error-rate`.
    pub error_rate: Option<f64>,
    /// How long a request takes: `leadline.dev/latency` (`20ms`).
    pub latency: Option<Duration>,
}

/// Behaviours by image.
#[derive(Clone, Debug, Default)]
pub struct Images {
    table: Arc<Mutex<BTreeMap<String, Behaviour>>>,
    changes: watch::Sender<u64>,
}

impl Images {
    /// Says how an image behaves from now on.
    pub fn set(&self, image: &str, behaviour: Behaviour) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(image.to_owned(), behaviour);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Tells of every change: pods that run behave so at once.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How a pod behaves.
    pub fn of(&self, pod: &Value) -> Behaviour {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let set = table.get(text(pod, "/spec/containers/0/image")).copied().unwrap_or_default();
        let said = annotated(pod);
        Behaviour {
            readiness: set.readiness.or(said.readiness),
            error_rate: set.error_rate.or(said.error_rate),
            latency: set.latency.or(said.latency),
        }
    }
}

fn annotated(pod: &Value) -> Behaviour {
    // Asked for every request of the mesh, and most pods say nothing.
    let Some(all) = at(pod, "/metadata/annotations") else { return Behaviour::default() };
    let said = |key: &str| all.get(key).and_then(Value::as_str);
    Behaviour {
        readiness: match said("leadline.dev/crashes") {
            Some("true") => Some(Readiness::Crashes),
            _ => said("leadline.dev/ready-after").and_then(|text| text.parse().ok()),
        },
        error_rate: said("leadline.dev/error-rate").and_then(|text| text.trim_end_matches('%').trim().parse().ok()),
        latency: said("leadline.dev/latency").and_then(span),
    }
}

/// A duration such as `5s`, `20ms`, `1m30s` or `2` (seconds).
pub fn span(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (count, after) = rest.split_at_checked(end)?;
        let count: f64 = count.parse().ok()?;
        let end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let secs = match unit.trim() {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(count * secs).ok()?)?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Images, Readiness, span};
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn durations() {
        for (text, millis) in [("5s", 5_000), ("20ms", 20), ("1m30s", 90_000), ("2", 2_000), ("1.5s", 1_500)] {
            assert_eq!(span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "soon", "5 days", "-1s"] {
            assert_eq!(span(text), None, "{text}");
            assert!(text.parse::<Readiness>().is_err(), "{text}");
        }
        for (text, readiness) in [
            ("5s", Readiness::After(Duration::from_secs(5))),
            ("never", Readiness::Never),
            ("crashes", Readiness::Crashes),
        ] {
            assert_eq!(text.parse(), Ok(readiness), "{text}");
        }
    }

    #[test]
    fn the_table_wins_over_annotations() {
        let pod = json!({
            "metadata": { "annotations": { "leadline.dev/error-rate": "30", "leadline.dev/ready-after": "never" } },
            "spec": { "containers": [{ "image": "web:3" }] },
        });
        let images = Images::default();
        let said = Behaviour { readiness: Some(Readiness::Never), error_rate: Some(30.0), latency: None };
        assert_eq!(images.of(&pod), said);
        images.set("web:3", Behaviour { error_rate: Some(0.0), ..Behaviour::default() });
        assert_eq!(images.of(&pod), Behaviour { error_rate: Some(0.0), ..said });
    }
}

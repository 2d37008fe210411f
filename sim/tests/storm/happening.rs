//! What happens in a storm, drawn before it begins: acts of people, failures of the world, of the API server and of controllers.
//!
//! A happening is plain data and looks at nothing, so that a storm can be played again with some of them left out.

use crate::storm::{
    dice::Dice,
    setting::{Router, Setting, steps},
    sky::{Weather, Wind},
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use sim::{
    simulation::{Action, beginning},
    world::{
        images::{Behaviour, Readiness},
        prometheus::Health,
    },
};
use std::{fmt, time::Duration};

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    User(Action),
    /// A person takes back what they spoiled in the Rollout.
    Mend,
    Image(&'static str, Behaviour),
    Weather(Option<Weather>),
    /// The controller dies at its n-th write from now, before or after that took effect.
    DiesAtWrite {
        write: u64,
        is_done: bool,
    },
    Dies,
    AnotherController,
    CutWatches,
    Prometheus(Health),
    /// Somebody else sets the canary's weight.
    ForeignWeight(u64),
    /// Somebody deletes an object: kind and, among all of that kind, which.
    Delete(&'static str, u64),
    /// What was deleted comes back.
    Restore,
}

impl Happening {
    /// May requests be lost through this, whatever the controller does?
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Happening::Image(..) | Happening::ForeignWeight(_) | Happening::Delete(..) => true,
            Happening::User(Action::Patch(patch)) => {
                // The only pod there is leaves a gap when it is evicted.
                patch.pointer("/spec/restartAt").is_some()
                    || patch.pointer("/spec/replicas") == Some(&json!(0))
                    || patch.pointer("/spec/template/metadata/labels").is_some()
            }
            _ => false,
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(action) => write!(out, "{action}"),
            Self::Mend => out.write_str("the spec is mended"),
            Self::Image(image, behaviour) => write!(out, "{image} behaves like {behaviour:?}"),
            Self::Weather(None) => out.write_str("the API server is well again"),
            Self::Weather(Some(weather)) => write!(out, "{weather:?}"),
            Self::DiesAtWrite { write, is_done } => {
                let when = if *is_done { "after" } else { "before" };
                write!(out, "the controller dies {when} its write {write} from now")
            }
            Self::Dies => out.write_str("the controller dies, another starts"),
            Self::AnotherController => out.write_str("a second controller starts"),
            Self::CutWatches => out.write_str("the API server drops all watches"),
            Self::Prometheus(health) => write!(out, "Prometheus: {health:?}"),
            Self::ForeignWeight(weight) => write!(out, "somebody sets the canary's weight to {weight}"),
            Self::Delete(kind, which) => write!(out, "somebody deletes {kind} {which}"),
            Self::Restore => out.write_str("what was deleted comes back"),
        }
    }
}

/// The images of a storm. The first and the last are sound, whatever happens.
pub(crate) const IMAGES: [&str; 6] = ["web:1", "web:2", "web:never", "web:crashes", "web:fails", "web:3"];

/// How the images behave from the start.
pub(crate) fn behaviours() -> Vec<(&'static str, Behaviour)> {
    let readiness = |readiness| Behaviour { readiness: Some(readiness), ..Behaviour::default() };
    vec![
        ("web:never", readiness(Readiness::Never)),
        ("web:crashes", readiness(Readiness::Crashes)),
        ("web:fails", Behaviour { error_rate: Some(40.0), ..Behaviour::default() }),
    ]
}

/// What happens, and how long after what came before.
pub(crate) fn drawn(setting: &Setting) -> Vec<(Duration, Happening)> {
    let dice = &mut Dice::new(setting.seed, "story");
    let mut story = vec![(Duration::from_secs(dice.within(0, 20)), one(dice, setting))];
    // Most of what can break breaks in a short storm, and many short ones fit into the time of a long one.
    let more = match dice.below(10) {
        0..6 => dice.within(0, 2),
        6..9 => dice.within(3, 6),
        _ => dice.within(7, 14),
    };
    for _ in 0..more {
        let wait = Duration::from_millis(dice.pick(&[0, 20, 300, 1_000, 3_000, 7_000, 12_000, 25_000]));
        story.push((wait, one(dice, setting)));
    }
    story
}

fn one(dice: &mut Dice, setting: &Setting) -> Happening {
    match dice.below(100) {
        0..58 => user(dice, setting),
        58..66 => Happening::Weather(Some(weather(dice))),
        66..70 => Happening::Weather(None),
        70..78 => Happening::DiesAtWrite { write: dice.within(1, 12), is_done: dice.happens(50) },
        78..80 => Happening::Dies,
        80..82 if setting.has_leases => Happening::AnotherController,
        80..84 => Happening::CutWatches,
        84..88 => Happening::Prometheus(dice.pick(&[
            Health::Up,
            Health::Down,
            Health::Hangs,
            Health::Says(500, "Internal Server Error".into()),
            Health::Says(200, "<html>".into()),
        ])),
        88..91 => Happening::Mend,
        _ if setting.is_rough => damage(dice, setting),
        _ => user(dice, setting),
    }
}

fn user(dice: &mut Dice, setting: &Setting) -> Happening {
    Happening::User(match dice.below(31) {
        0..10 => Action::SetImage(dice.pick(&IMAGES).to_owned()),
        10..15 => Action::Promote,
        15 | 16 => Action::PromoteFull,
        17 | 18 => Action::Abort,
        19 | 20 => Action::Retry,
        21 | 22 => Action::Pause(dice.happens(40)),
        23..26 => {
            let least = if setting.is_rough && dice.happens(10) { 0 } else { 1 };
            Action::Patch(json!({ "spec": { "replicas": dice.within(least, 6) } }))
        }
        26 | 27 => Action::Patch(json!({ "spec": { "strategy": { setting.strategy(): another_way(dice, setting) } } })),
        28 => {
            let at = beginning() + TimeDelta::seconds(dice.pick(&[0, 30, 60, 120, 240]));
            Action::Patch(json!({ "spec": { "restartAt": at } }))
        }
        _ => Action::Patch(spoiled(dice, setting)),
    })
}

/// An edit that changes how an update goes, in the middle of one.
fn another_way(dice: &mut Dice, setting: &Setting) -> Value {
    if setting.router != Router::ActiveService {
        return json!({ "steps": steps(dice, setting.router) });
    }
    let (seconds, pods) = (dice.within(1, 20), dice.within(1, 3));
    dice.pick(&[
        json!({ "autoPromotionEnabled": false }),
        json!({ "autoPromotionEnabled": null, "autoPromotionSeconds": seconds }),
        json!({ "previewReplicaCount": pods }),
        json!({ "previewReplicaCount": null }),
        json!({ "previewService": null }),
    ])
}

/// An edit that cannot be carried out.
fn spoiled(dice: &mut Dice, setting: &Setting) -> Value {
    if setting.is_rough && dice.happens(10) {
        return json!({ "spec": { "template": { "metadata": { "labels": { "app": "other" } } } } });
    }
    if setting.router == Router::ActiveService {
        let all = [
            json!({ "activeService": "missing" }),
            json!({ "previewService": "web" }),
            json!({ "prePromotionAnalysis": { "templates": [{ "templateName": "missing" }] } }),
            json!({ "previewReplicaCount": -1 }),
        ];
        return json!({ "spec": { "strategy": { "blueGreen": dice.pick(&all) } } });
    }
    let mut all = vec![
        json!({ "steps": [{ "setWeight": 130 }] }),
        json!({ "steps": [{ "setMirrorRoute": { "name": "copy" } }] }),
        json!({ "analysis": { "templates": [{ "templateName": "missing" }] } }),
        json!({ "maxSurge": 0, "maxUnavailable": 0 }),
        json!({ "canaryService": "missing" }),
    ];
    if setting.router == Router::Hosts {
        all.extend([json!({ "stableService": "canary" }), json!({ "stableService": null })]);
    }
    if setting.router.has_weights() {
        all.push(json!({ "trafficRouting": { "istio": { "virtualService": { "name": "gone" } } } }));
    }
    json!({ "spec": { "strategy": { "canary": dice.pick(&all) } } })
}

fn weather(dice: &mut Dice) -> Weather {
    let wind = match dice.below(8) {
        0..3 => Wind::Refuse(dice.pick(&[500, 503, 409, 429, 403, 422])),
        3 | 4 => Wind::Lose(dice.pick(&[500, 504])),
        5 => Wind::Silence { handled: dice.happens(50) },
        _ => Wind::Delay(Duration::from_millis(dice.pick(&[50, 400, 3_000]))),
    };
    Weather { wind, percent: dice.pick(&[10, 40, 100]), on_reads: dice.happens(30) }
}

fn damage(dice: &mut Dice, setting: &Setting) -> Happening {
    let readiness = dice.pick(&[Readiness::Never, Readiness::Crashes, Readiness::After(Duration::from_secs(1))]);
    match dice.below(10) {
        0..3 => Happening::Image("web:2", Behaviour { readiness: Some(readiness), ..Behaviour::default() }),
        3 => Happening::Image("web:1", Behaviour { readiness: Some(readiness), ..Behaviour::default() }),
        4 | 5 if setting.router.has_weights() => Happening::ForeignWeight(dice.pick(&[0, 30, 50, 100])),
        6 => Happening::Restore,
        _ => {
            let kinds = [
                "Pod",
                "ReplicaSet",
                "Service",
                "AnalysisTemplate",
                "AnalysisRun",
                "VirtualService",
                "DestinationRule",
            ];
            Happening::Delete(dice.pick(&kinds), dice.below(6))
        }
    }
}

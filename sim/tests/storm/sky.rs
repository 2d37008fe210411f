//! The API server as the controllers meet it: it refuses, loses answers, is slow or silent, and a controller may die at any of
//! its writes. Everybody else gets through, and every handled request is shown to the watch.

use crate::storm::{setting::Setting, watch::Watch};
use sim::{
    server::{
        call::{Call, Verb},
        faults::{Faults, Verdict},
    },
    simulation::AGENT,
    world::chance::Chance,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wind {
    Refuse(u16),
    Lose(u16),
    Silence { handled: bool },
    Delay(Duration),
}

/// How often the wind blows, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) wind: Wind,
    pub(crate) percent: u32,
    pub(crate) on_reads: bool,
}

/// All that stands between controllers and the server.
pub(crate) struct Sky {
    chance: Chance,
    takes_events: bool,
    now: Mutex<Now>,
    watch: Arc<Watch>,
    /// Told when a controller is to die.
    pub(crate) dies: Notify,
}

#[derive(Default)]
struct Now {
    weather: Option<Weather>,
    /// Writes until death, and whether the last one takes effect.
    fuse: Option<(u64, bool)>,
    calls: u64,
}

impl Sky {
    pub(crate) fn over(setting: &Setting, watch: Arc<Watch>) -> Sky {
        let chance = Chance::new(setting.seed).named("sky");
        Sky { chance, takes_events: setting.takes_events, now: Mutex::default(), watch, dies: Notify::new() }
    }

    pub(crate) fn set(&self, weather: Option<Weather>) {
        self.now().weather = weather;
    }

    pub(crate) fn light_fuse(&self, writes: u64, is_done: bool) {
        self.now().fuse = Some((writes, is_done));
    }

    pub(crate) fn clear(&self) {
        let mut now = self.now();
        (now.weather, now.fuse) = (None, None);
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Sky {
    fn before(&self, call: &Call) -> Verdict {
        if call.user_agent != AGENT || !call.is_resource() {
            return Verdict::Pass;
        }
        if call.resource == "events" && !self.takes_events {
            return Verdict::Refuse(403);
        }
        let mut now = self.now();
        now.calls += 1;
        let is_bookkeeping = ["events", "leases"].contains(&call.resource.as_str());
        if call.verb.is_write()
            && !is_bookkeeping
            && let Some((left, is_done)) = now.fuse
        {
            now.fuse = (left > 1).then_some((left - 1, is_done));
            if left <= 1 {
                self.dies.notify_one();
                return Verdict::Silence { handled: is_done };
            }
        }
        let Some(weather) = now.weather.filter(|weather| weather.on_reads || call.verb.is_write()) else {
            return Verdict::Pass;
        };
        if !self.chance.about(now.calls).happens(f64::from(weather.percent)) {
            return Verdict::Pass;
        }
        match weather.wind {
            Wind::Refuse(code) => Verdict::Refuse(code),
            // Nothing is lost with the answer to a question.
            Wind::Lose(code) if call.verb.is_write() => Verdict::LoseAnswer(code),
            Wind::Lose(code) => Verdict::Refuse(code),
            // A connection that says nothing is closed in the end: lists and watches learn that from the transport.
            Wind::Silence { .. } if matches!(call.verb, Verb::List | Verb::Watch) => Verdict::Pass,
            Wind::Silence { handled } => Verdict::Silence { handled },
            Wind::Delay(time) => Verdict::Delay(time),
        }
    }

    fn enters(&self, call: &Call, body: &[u8]) {
        if call.verb.is_write() {
            self.watch.enters(call, body);
        }
    }

    fn leaves(&self, call: &Call, status: u16) {
        if call.verb.is_write() && status < 300 {
            self.watch.leaves(call);
        }
    }
}

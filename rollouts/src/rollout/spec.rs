//! A Rollout's spec as the rules use it: parsed once, at the door, so that nothing behind it checks again.
//!
//! The checks run in a fixed order, since clients match on the first that fails. Each is written where its field is parsed: it notes
//! the fault, the parse goes on with a stand-in, and what was parsed counts only if nothing was noted.

pub mod affinity;
pub mod ends;
pub mod experiment;
mod managed;
pub mod pods;
pub mod routing;

use super::{
    blue_green::spec::BlueGreen,
    drain,
    invalid::{Faults, Invalid},
    observed::Observed,
    replicas::{self, Amount, Limits, WHOLE},
    runs,
    traffic::Router,
    unsupported, workload,
};
use crate::template;
use chrono::TimeDelta;
use crds::{
    FieldError, IntOrString, Rollout,
    rollout::{
        BlueGreenStrategy, CanaryStep, CanaryStrategy, ExperimentStep, RolloutAnalysis, RolloutSpec, RolloutStatus,
    },
};
use ends::Services;
use pods::{CanaryScale, Pods};
use serde_json::Value;

/// Where the canary strategy stands in a spec.
const CANARY: &str = "spec.strategy.canary";
/// Seconds that pods without traffic stay where a router moves the traffic, and after an abort.
const SCALE_DOWN_SECS: i32 = 30;
/// Seconds without progress after which a Rollout counts as stuck.
const PROGRESS_DEADLINE_SECS: i32 = 600;
/// Old ReplicaSets that are kept.
const HISTORY_LIMIT: i32 = 10;
/// What is said of a field of the metadata that no pod could be given either.
const UNREADABLE_METADATA: &str = "Analyses arguments must refer to valid object metadata supported by downwardAPI";
/// Ended AnalysisRuns of each kind that are kept.
const RUN_HISTORY_LIMIT: i32 = 5;

/// A step of the canary strategy.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send this share of the traffic to the canary: a part of 100, or of `maxTrafficWeight`.
    SetWeight(i32),
    /// Wait for so long, or until somebody promotes.
    Pause(Option<TimeDelta>),
    /// Go on once an AnalysisRun of these templates succeeded.
    Analysis(Box<RolloutAnalysis>),
    /// Go on once an Experiment made like this succeeded.
    Experiment(Box<ExperimentStep>),
    /// Give the canary a number of pods that does not follow its share.
    SetCanaryScale(CanaryScale),
    /// Send requests with given headers to the canary, or no longer.
    SetHeaderRoute(String),
    /// Give the canary a copy of given requests, or no longer.
    SetMirrorRoute(String),
}

impl Step {
    /// The step as Events name it.
    pub fn describe(&self) -> String {
        match self {
            Self::SetWeight(weight) => format!("setWeight: {weight}"),
            Self::Pause(None) => "pause".into(),
            Self::Pause(Some(duration)) => format!("pause: {}", go_duration(*duration)),
            Self::Analysis(_) => "analysis".into(),
            Self::Experiment(_) => "experiment".into(),
            Self::SetCanaryScale(scale) => scale.to_string(),
            Self::SetHeaderRoute(name) => format!("setHeaderRoute: {name}"),
            Self::SetMirrorRoute(name) => format!("setMirrorRoute: {name}"),
        }
    }
}

/// A background analysis and the step from which it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    /// What is analysed.
    pub analysis: RolloutAnalysis,
    /// Index of the first step at which it runs.
    pub starting_step: usize,
}

/// How traffic comes to a new revision.
#[derive(Clone, Debug)]
pub enum Strategy<'a> {
    /// Share by share, in steps.
    Canary(&'a CanaryStrategy),
    /// All at once, by the selector of one Service.
    BlueGreen(BlueGreen<'a>),
}

/// Everything a Rollout's spec asks for that this version carries out.
#[derive(Debug)]
pub struct Spec<'a> {
    /// What is asked for under `spec.strategy`. Blue-green has neither steps, nor a router, nor a background analysis.
    pub strategy: Strategy<'a>,
    /// The Services that are the ends of a canary's routes.
    pub services: Services<'a>,
    /// Pods wanted and how far their number may stray.
    pub limits: Limits,
    /// The pod template, as the user wrote it.
    pub template: Value,
    /// The steps.
    pub steps: Vec<Step>,
    /// What decides the number of a canary's pods.
    pub pods: Pods,
    /// The routers, where traffic is routed, in the order in which they are brought to a weight.
    pub routers: Vec<Box<dyn Router + 'a>>,
    /// The background analysis.
    pub background: Option<Background>,
    /// Time without progress after which the Rollout counts as stuck.
    pub progress_deadline: TimeDelta,
    /// Seconds that containers sleep before they are told to stop.
    pub drain_secs: i32,
    /// How long pods stay after their traffic went; no shorter than that.
    pub scale_down_delay: TimeDelta,
    /// How long an aborted canary keeps its pods where traffic is routed; `None` keeps them for ever.
    pub abort_scale_down_delay: Option<TimeDelta>,
    /// How far back a revision may lie that is returned to without steps, pauses and analyses; 0 where none is.
    pub rollback_window: usize,
    /// Old ReplicaSets to keep.
    pub history_limit: usize,
    /// Ended successful runs to keep.
    pub successful_runs: usize,
    /// Other ended runs to keep.
    pub unsuccessful_runs: usize,
}

impl<'a> Spec<'a> {
    /// The spec of what is observed, with the template of the workload that the Rollout names.
    pub fn of(observed: &'a Observed) -> Result<Self, Faults> {
        workload::check(observed)?;
        Self::parse(&observed.rollout)
    }

    /// Parses and checks a spec. The faults are in the order of the list that existing clients know.
    pub fn parse(rollout: &'a Rollout) -> Result<Self, Faults> {
        let spec = &rollout.spec;
        let mut faults = Faults::default();
        let replicas = positive("spec.replicas", spec.replicas, 1, &mut faults);
        let template = pods_of(spec, &mut faults);
        let min_ready = positive("spec.minReadySeconds", spec.min_ready_seconds, 0, &mut faults);
        let history_limit =
            positive("spec.revisionHistoryLimit", spec.revision_history_limit, HISTORY_LIMIT, &mut faults);
        let path = "spec.progressDeadlineSeconds";
        let deadline = positive(path, spec.progress_deadline_seconds, PROGRESS_DEADLINE_SECS, &mut faults);
        if deadline <= min_ready {
            faults.note(Invalid::value(path, deadline, "must be greater than minReadySeconds"));
        }
        let parts = Parts::of(rollout, replicas, history_limit, &mut faults);
        let drain_secs = drain::hook::seconds(&spec.strategy, &mut faults);
        unsupported::note(spec, &mut faults);
        let Some(parts) = parts else { return Err(faults) };
        let history = spec.analysis.clone().unwrap_or_default();
        faults.unless_any(Self {
            strategy: parts.strategy,
            services: parts.services,
            limits: parts.limits,
            template,
            steps: parts.steps,
            pods: parts.pods,
            routers: parts.routers,
            background: parts.background,
            progress_deadline: seconds(deadline),
            drain_secs,
            scale_down_delay: seconds(parts.scale_down_secs.max(drain_secs)),
            abort_scale_down_delay: (parts.abort_scale_down_secs != 0)
                .then(|| seconds(parts.abort_scale_down_secs.max(drain_secs))),
            rollback_window: count(spec.rollback_window.as_ref().and_then(|window| window.revisions).unwrap_or(0)),
            history_limit: count(history_limit),
            successful_runs: count(history.successful_run_history_limit.unwrap_or(RUN_HISTORY_LIMIT)),
            unsuccessful_runs: count(history.unsuccessful_run_history_limit.unwrap_or(RUN_HISTORY_LIMIT)),
        })
    }

    /// The time for which containers sleep before they are told to stop.
    pub fn drain(&self) -> TimeDelta {
        seconds(self.drain_secs)
    }

    /// True where a router moves the traffic.
    pub fn is_routed(&self) -> bool {
        !self.routers.is_empty()
    }

    /// True where the part of the pods is the share of the traffic.
    pub fn is_basic(&self) -> bool {
        matches!(self.strategy, Strategy::Canary(_)) && !self.is_routed()
    }

    /// The canary strategy, where it is that.
    pub fn canary(&self) -> Option<&'a CanaryStrategy> {
        match self.strategy {
            Strategy::Canary(canary) => Some(canary),
            Strategy::BlueGreen(_) => None,
        }
    }

    /// The share that the canary is to have while step `index` is the current one: the last weight set so far.
    pub fn weight_at(&self, index: usize) -> i32 {
        self.last_weight(index.saturating_add(1))
    }

    /// The share that the canary had before step `index` became the current one.
    pub fn weight_before(&self, index: usize) -> i32 {
        self.last_weight(index)
    }

    fn last_weight(&self, steps: usize) -> i32 {
        self.steps
            .iter()
            .take(steps)
            .rev()
            .find_map(|step| if let Step::SetWeight(weight) = step { Some(*weight) } else { None })
            .unwrap_or(0)
    }
}

/// What the strategy alone says.
struct Parts<'a> {
    strategy: Strategy<'a>,
    services: Services<'a>,
    limits: Limits,
    steps: Vec<Step>,
    pods: Pods,
    routers: Vec<Box<dyn Router + 'a>>,
    background: Option<Background>,
    scale_down_secs: i32,
    abort_scale_down_secs: i32,
}

impl<'a> Parts<'a> {
    /// Those of the one strategy that a spec names, if it names one.
    fn of(rollout: &'a Rollout, replicas: i32, history_limit: i32, faults: &mut Faults) -> Option<Self> {
        let strategy = &rollout.spec.strategy;
        let path = "spec.strategy.strategy";
        match (&strategy.canary, &strategy.blue_green) {
            (None, None) => {
                let words = "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'";
                faults.note(Invalid::required(path, words));
                None
            }
            (Some(_), Some(_)) => {
                let value = "blueGreen: true canary: true";
                faults.note(Invalid::value(path, value, "Multiple Strategies can not be listed"));
                None
            }
            (None, Some(blue_green)) => Some(Self::of_blue_green(blue_green, replicas, history_limit, faults)),
            (Some(canary), None) => Some(Self::of_canary(canary, &rollout.status, replicas, faults)),
        }
    }

    fn of_canary(canary: &'a CanaryStrategy, status: &RolloutStatus, replicas: i32, faults: &mut Faults) -> Self {
        let limits = amounts(canary, replicas, faults);
        routing::check(canary, faults);
        let steps = canary.steps.iter().enumerate();
        let steps = steps.filter_map(|(index, wire)| step(&format!("{CANARY}.steps[{index}]"), wire, canary, faults));
        let steps = steps.collect();
        affinity::check(CANARY, canary.anti_affinity.as_ref(), faults);
        let services = Services::of(canary, status);
        let routers = routing::routers(canary, services, faults);
        let background = canary.analysis.as_ref().map(|background| Background {
            analysis: background.analysis.clone(),
            starting_step: usize::try_from(background.starting_step.unwrap_or(0)).unwrap_or(0),
        });
        Self {
            strategy: Strategy::Canary(canary),
            services,
            limits,
            steps,
            pods: Pods::parse(canary, faults),
            background,
            scale_down_secs: canary.scale_down_delay_seconds.unwrap_or(if routers.is_empty() {
                0
            } else {
                SCALE_DOWN_SECS
            }),
            routers,
            abort_scale_down_secs: canary.abort_scale_down_delay_seconds.unwrap_or(SCALE_DOWN_SECS),
        }
    }

    fn of_blue_green(wire: &'a BlueGreenStrategy, replicas: i32, history_limit: i32, faults: &mut Faults) -> Self {
        let blue_green = BlueGreen::parse(wire, history_limit, faults);
        let unavailable = amount("spec.strategy.blueGreen.maxUnavailable", wire.max_unavailable.as_ref(), faults);
        Self {
            strategy: Strategy::BlueGreen(blue_green),
            services: Services::default(),
            // The new revision stands beside the old one.
            limits: replicas::limits(replicas, Amount::Percent(WHOLE), unavailable),
            steps: Vec::new(),
            pods: Pods::default(),
            routers: Vec::new(),
            background: None,
            scale_down_secs: wire.scale_down_delay_seconds.unwrap_or(SCALE_DOWN_SECS),
            abort_scale_down_secs: wire.abort_scale_down_delay_seconds.unwrap_or(SCALE_DOWN_SECS),
        }
    }
}

fn seconds(number: i32) -> TimeDelta {
    TimeDelta::seconds(i64::from(number))
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// A number that is absent has its default; one below 0 is refused, and 0 stands in.
fn positive(path: &str, given: Option<i32>, default: i32, faults: &mut Faults) -> i32 {
    let number = given.unwrap_or(default);
    if number < 0 {
        faults.note(Invalid::value(path, number, "must be greater than or equal to 0"));
    }
    number.max(0)
}

/// The pod template, whose labels are those that the selector asks for.
fn pods_of(spec: &RolloutSpec, faults: &mut Faults) -> Value {
    let path = "spec.selector";
    let template = spec.template.as_ref().map(crds::Raw::value).unwrap_or_default();
    let is_referred = spec.workload_ref.is_some();
    if is_referred && !workload::is_no_template(&template) {
        let words = "template must be empty for workload reference rollout";
        faults.note(Invalid::internal("spec.template", words));
    }
    match &spec.selector {
        None if !is_referred => {
            faults.note(Invalid::required(path, "Rollout has missing field '.spec.selector'"));
        }
        Some(selector) if selector.is_empty() && !is_referred => {
            faults.note(Invalid::value(path, selector, "empty selector is invalid for deployment"));
        }
        Some(selector) if selector.check().is_err() => {
            faults.note(Invalid::value(path, selector, "invalid label selector"));
            return template;
        }
        _ => {}
    }
    if !is_referred {
        let selector = serde_json::to_value(&spec.selector).unwrap_or_default();
        for FieldError { path, problem } in template::validate(&template, &selector, "spec.template") {
            faults.note(Invalid::rendered(&path, problem));
        }
    }
    template
}

/// Any text is a percentage, with or without the sign: existing manifests rely on it.
fn amount(path: &str, given: Option<&IntOrString>, faults: &mut Faults) -> Amount {
    let default = Amount::Percent(25);
    let fault = match given {
        None => return default,
        Some(IntOrString::Int(pods)) if *pods >= 0 => return Amount::Pods(*pods),
        Some(IntOrString::Int(pods)) => Invalid::value(path, pods, "must be greater than or equal to 0"),
        Some(IntOrString::Text(text)) => match text.trim_end_matches('%').parse() {
            Ok(percent) if percent >= 0 => return Amount::Percent(percent),
            _ => Invalid::value(path, text, "must be an integer or percentage (e.g '5%')"),
        },
    };
    faults.note(fault);
    default
}

fn amounts(canary: &CanaryStrategy, replicas: i32, faults: &mut Faults) -> Limits {
    let path = format!("{CANARY}.maxSurge");
    let surge = amount(&path, canary.max_surge.as_ref(), faults);
    let unavailable = amount(&format!("{CANARY}.maxUnavailable"), canary.max_unavailable.as_ref(), faults);
    let is_zero = |amount| matches!(amount, Amount::Pods(0) | Amount::Percent(0));
    if is_zero(surge) && is_zero(unavailable) {
        faults.note(Invalid::value(&path, &canary.max_surge, "MaxSurge and MaxUnavailable both can not be zero"));
    }
    Limits { whole: routing::whole(canary), ..replicas::limits(replicas, surge, unavailable) }
}

/// What a step asks for; `None` stands in for one that asks for nothing that is carried out.
fn step(path: &str, wire: &CanaryStep, canary: &CanaryStrategy, faults: &mut Faults) -> Option<Step> {
    has_one_kind(path, wire, faults);
    let weight = wire.set_weight.map(|weight| {
        let whole = routing::whole(canary);
        if !(0..=whole).contains(&weight) {
            let words = format!("SetWeight needs to be between 0 and {whole}");
            faults.note(Invalid::value(&format!("{path}.setWeight"), weight, words));
        }
        Step::SetWeight(weight)
    });
    let pause = wire.pause.as_ref().map(|pause| {
        let duration = pause.duration.as_ref().map(crds::duration::pause_seconds);
        if let Some(duration) = duration.filter(|duration| *duration < 0) {
            let words = "Duration needs to be greater than 0";
            faults.note(Invalid::value(&format!("{path}.pause.duration"), duration, words));
        }
        Step::Pause(duration.map(TimeDelta::seconds))
    });
    let scale = wire.set_canary_scale.as_ref().map(|scale| {
        if canary.traffic_routing.is_none() {
            let words = "SetCanaryScale requires TrafficRouting to be set";
            faults.note(Invalid::required(&format!("{CANARY}.trafficRouting"), words));
        }
        Step::SetCanaryScale(CanaryScale::of(scale))
    });
    managed::check(path, wire, canary.traffic_routing.as_ref(), faults);
    let experiment = wire.experiment.as_ref().map(|experiment| {
        experiment::check(path, experiment, canary, faults);
        Step::Experiment(Box::new(experiment.clone()))
    });
    let analysis = wire.analysis.as_ref().map(|analysis| Step::Analysis(Box::new(analysis.clone())));
    arguments_are_readable(path, wire, faults);
    let header = wire.set_header_route.as_ref();
    let header = header.map(|route| Step::SetHeaderRoute(route.name.clone().unwrap_or_default()));
    let mirror = wire.set_mirror_route.as_ref();
    let mirror = mirror.map(|route| Step::SetMirrorRoute(route.name.clone().unwrap_or_default()));
    weight.or(analysis).or(experiment).or(pause).or(scale).or(header).or(mirror)
}

/// Of four kinds a step has at most one, and of all kinds at least one: a scale or a route may stand beside another.
fn has_one_kind(path: &str, wire: &CanaryStep, faults: &mut Faults) {
    let words = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
    let kinds = [wire.experiment.is_some(), wire.pause.is_some(), wire.set_weight.is_some(), wire.analysis.is_some()];
    let others = [
        wire.set_canary_scale.is_some(),
        wire.set_header_route.is_some(),
        wire.set_mirror_route.is_some(),
        wire.plugin.is_some(),
    ];
    match kinds.iter().filter(|is_set| **is_set).count() {
        0 if !others.contains(&true) => faults.note(Invalid::value(path, wire, words)),
        0 | 1 => {}
        _ => {
            let [experiment, pause, weight, analysis] = kinds;
            let value = format!(
                "step.Experiment: {experiment} step.Pause: {pause} step.SetWeight: {weight} step.Analysis: {analysis}"
            );
            faults.note(Invalid::value(path, value, words));
        }
    }
}

fn arguments_are_readable(path: &str, wire: &CanaryStep, faults: &mut Faults) {
    let of_experiment = wire.experiment.iter().flat_map(|experiment| &experiment.analyses);
    let given = of_experiment.flat_map(|analysis| &analysis.args);
    let given: Vec<_> = given.chain(wire.analysis.iter().flat_map(|analysis| &analysis.args)).collect();
    if given.iter().any(|argument| runs::is_unreadable(argument)) {
        faults.note(Invalid::value(&format!("{path}.analyses"), given, UNREADABLE_METADATA));
    }
}

/// Whole seconds as Go prints a duration: `1h0m0s`, `1m30s`, `3s`.
fn go_duration(duration: TimeDelta) -> String {
    let (hours, minutes, secs) = (duration.num_hours(), duration.num_minutes() % 60, duration.num_seconds() % 60);
    match (hours, minutes) {
        (0, 0) => format!("{secs}s"),
        (0, _) => format!("{minutes}m{secs}s"),
        _ => format!("{hours}h{minutes}m{secs}s"),
    }
}

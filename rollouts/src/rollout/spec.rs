//! A Rollout's spec as the rules use it: parsed once, at the door, so that nothing behind it checks again.
//!
//! The checks run in a fixed order and stop at the first that fails, since clients match on that one message.

pub mod experiment;
pub mod pods;

use super::{
    blue_green::spec::BlueGreen,
    invalid::Invalid,
    replicas::{self, Amount, Limits, WHOLE},
    runs,
    traffic::Router,
    unsupported,
};
use crate::template;
use chrono::TimeDelta;
use crds::{
    IntOrString, Rollout,
    rollout::{BlueGreenStrategy, CanaryStep, CanaryStrategy, ExperimentStep, RolloutAnalysis, RolloutStrategy},
};
use pods::{CanaryScale, Pods};
use serde_json::Value;

/// Seconds that pods without traffic stay where a router moves the traffic, and after an abort.
const DRAIN_SECS: i32 = 30;
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
    /// Send this share of the traffic, in percent, to the canary.
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
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    /// What is asked for under `spec.strategy`. Blue-green has neither steps, nor a router, nor a background analysis.
    pub strategy: Strategy<'a>,
    /// Pods wanted and how far their number may stray.
    pub limits: Limits,
    /// The pod template, as the user wrote it.
    pub template: Value,
    /// The steps.
    pub steps: Vec<Step>,
    /// What decides the number of a canary's pods.
    pub pods: Pods,
    /// The routers, where traffic is routed, in the order in which they are brought to a weight.
    pub routers: Vec<Router<'a>>,
    /// The background analysis.
    pub background: Option<Background>,
    /// Time without progress after which the Rollout counts as stuck.
    pub progress_deadline: TimeDelta,
    /// How long pods stay after their traffic went.
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
    /// Parses and checks a spec. The error is the first of the list that existing clients know.
    pub fn parse(rollout: &'a Rollout) -> Result<Self, Invalid> {
        let spec = &rollout.spec;
        counts_are_positive(rollout)?;
        unsupported::check_outer(spec)?;
        let Some(selector) = &spec.selector else {
            return Err(Invalid::required("spec.selector", "Rollout has missing field '.spec.selector'"));
        };
        if selector.is_empty() {
            return Err(Invalid::value("spec.selector", selector, "empty selector is invalid for deployment"));
        }
        if selector.check().is_err() {
            return Err(Invalid::value("spec.selector", selector, "invalid label selector"));
        }
        let template = spec.template.as_ref().map(crds::Raw::value).unwrap_or_default();
        let selector_json = serde_json::to_value(selector).unwrap_or_default();
        if let Some((path, problem)) = template::validate(&template, &selector_json, "spec.template") {
            return Err(Invalid::rendered(&path, problem));
        }
        let deadline = spec.progress_deadline_seconds.unwrap_or(PROGRESS_DEADLINE_SECS);
        if deadline <= spec.min_ready_seconds.unwrap_or(0) {
            return Err(Invalid::value(
                "spec.progressDeadlineSeconds",
                deadline,
                "must be greater than minReadySeconds",
            ));
        }
        let history_limit = spec.revision_history_limit.unwrap_or(HISTORY_LIMIT);
        let replicas = spec.replicas.unwrap_or(1);
        let parts = Parts::of(&spec.strategy, replicas, history_limit)?;
        let history = spec.analysis.clone().unwrap_or_default();
        Ok(Self {
            strategy: parts.strategy,
            limits: parts.limits,
            template,
            steps: parts.steps,
            pods: parts.pods,
            routers: parts.routers,
            background: parts.background,
            progress_deadline: seconds(deadline),
            scale_down_delay: seconds(parts.drain_secs),
            abort_scale_down_delay: (parts.abort_drain_secs != 0).then(|| seconds(parts.abort_drain_secs)),
            rollback_window: count(spec.rollback_window.as_ref().and_then(|window| window.revisions).unwrap_or(0)),
            history_limit: count(history_limit),
            successful_runs: count(history.successful_run_history_limit.unwrap_or(RUN_HISTORY_LIMIT)),
            unsuccessful_runs: count(history.unsuccessful_run_history_limit.unwrap_or(RUN_HISTORY_LIMIT)),
        })
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
    limits: Limits,
    steps: Vec<Step>,
    pods: Pods,
    routers: Vec<Router<'a>>,
    background: Option<Background>,
    drain_secs: i32,
    abort_drain_secs: i32,
}

impl<'a> Parts<'a> {
    /// Those of the one strategy that a spec names.
    fn of(strategy: &'a RolloutStrategy, replicas: i32, history_limit: i32) -> Result<Self, Invalid> {
        match (&strategy.canary, &strategy.blue_green) {
            (None, None) => Err(Invalid::required(
                "spec.strategy.strategy",
                "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
            )),
            (Some(_), Some(_)) => Err(Invalid::value(
                "spec.strategy.strategy",
                "blueGreen and canary",
                "Multiple Strategies can not be listed",
            )),
            (None, Some(blue_green)) => Self::of_blue_green(blue_green, replicas, history_limit),
            (Some(canary), None) => Self::of_canary(canary, replicas),
        }
    }

    fn of_canary(canary: &'a CanaryStrategy, replicas: i32) -> Result<Self, Invalid> {
        let limits = amounts(canary, replicas)?;
        let routers = services(canary)?;
        if routers.is_empty() && canary.scale_down_delay_seconds.is_some() {
            return Err(Invalid::value(
                "spec.strategy.canary.scaleDownDelaySeconds",
                canary.scale_down_delay_seconds,
                "Canary scaleDownDelaySeconds can only be used with traffic routing",
            ));
        }
        if canary.dynamic_stable_scale && (routers.is_empty() || canary.scale_down_delay_seconds.is_some()) {
            let problem = if routers.is_empty() {
                "Canary dynamicStableScale can only be used with traffic routing"
            } else {
                "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"
            };
            return Err(Invalid::value("spec.strategy.canary.dynamicStableScale", true, problem));
        }
        unsupported::check_canary(canary)?;
        let steps =
            canary.steps.iter().enumerate().map(|(index, wire)| step(index, wire, canary)).collect::<Result<_, _>>()?;
        let pods = Pods::parse(canary, !routers.is_empty())?;
        let background = canary.analysis.as_ref().map(|background| Background {
            analysis: background.analysis.clone(),
            starting_step: usize::try_from(background.starting_step.unwrap_or(0)).unwrap_or(0),
        });
        Ok(Self {
            strategy: Strategy::Canary(canary),
            limits,
            steps,
            pods,
            background,
            drain_secs: canary.scale_down_delay_seconds.unwrap_or(if routers.is_empty() { 0 } else { DRAIN_SECS }),
            routers,
            abort_drain_secs: canary.abort_scale_down_delay_seconds.unwrap_or(DRAIN_SECS),
        })
    }

    fn of_blue_green(wire: &'a BlueGreenStrategy, replicas: i32, history_limit: i32) -> Result<Self, Invalid> {
        let blue_green = BlueGreen::parse(wire, history_limit)?;
        let unavailable = amount("spec.strategy.blueGreen.maxUnavailable", wire.max_unavailable.as_ref())?;
        Ok(Self {
            strategy: Strategy::BlueGreen(blue_green),
            // The new revision stands beside the old one.
            limits: replicas::limits(replicas, Amount::Percent(WHOLE), unavailable),
            steps: Vec::new(),
            pods: Pods::default(),
            routers: Vec::new(),
            background: None,
            drain_secs: wire.scale_down_delay_seconds.unwrap_or(DRAIN_SECS),
            abort_drain_secs: wire.abort_scale_down_delay_seconds.unwrap_or(DRAIN_SECS),
        })
    }
}

fn seconds(number: i32) -> TimeDelta {
    TimeDelta::seconds(i64::from(number))
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn counts_are_positive(rollout: &Rollout) -> Result<(), Invalid> {
    let spec = &rollout.spec;
    for (path, number) in [
        ("spec.replicas", spec.replicas),
        ("spec.minReadySeconds", spec.min_ready_seconds),
        ("spec.revisionHistoryLimit", spec.revision_history_limit),
        ("spec.progressDeadlineSeconds", spec.progress_deadline_seconds),
    ] {
        if let Some(number) = number.filter(|number| *number < 0) {
            return Err(Invalid::value(path, number, "must be greater than or equal to 0"));
        }
    }
    Ok(())
}

/// Any text is a percentage, with or without the sign: existing manifests rely on it.
fn amount(path: &str, given: Option<&IntOrString>) -> Result<Amount, Invalid> {
    match given {
        None => Ok(Amount::Percent(25)),
        Some(IntOrString::Int(pods)) if *pods >= 0 => Ok(Amount::Pods(*pods)),
        Some(IntOrString::Int(pods)) => Err(Invalid::value(path, pods, "must be greater than or equal to 0")),
        Some(IntOrString::Text(text)) => match text.trim_end_matches('%').parse() {
            Ok(percent) if percent >= 0 => Ok(Amount::Percent(percent)),
            _ => Err(Invalid::value(path, text, "must be an integer or percentage (e.g '5%')")),
        },
    }
}

fn amounts(canary: &CanaryStrategy, replicas: i32) -> Result<Limits, Invalid> {
    let surge = amount("spec.strategy.canary.maxSurge", canary.max_surge.as_ref())?;
    let unavailable = amount("spec.strategy.canary.maxUnavailable", canary.max_unavailable.as_ref())?;
    let is_zero = |amount| matches!(amount, Amount::Pods(0) | Amount::Percent(0));
    if is_zero(surge) && is_zero(unavailable) {
        return Err(Invalid::value(
            "spec.strategy.canary.maxSurge",
            &canary.max_surge,
            "MaxSurge and MaxUnavailable both can not be zero",
        ));
    }
    Ok(replicas::limits(replicas, surge, unavailable))
}

fn services(canary: &CanaryStrategy) -> Result<Vec<Router<'_>>, Invalid> {
    if canary.canary_service.is_some() && canary.canary_service == canary.stable_service {
        return Err(Invalid::value(
            "spec.strategy.canary.stableService",
            &canary.stable_service,
            "This rollout uses the same service for the stable and canary services, but two different services are required.",
        ));
    }
    let Some(routing) = &canary.traffic_routing else { return Ok(Vec::new()) };
    unsupported::check_routing(routing)?;
    let routers = Router::parse(canary, routing)?;
    if routers.is_empty() {
        let path = "spec.strategy.canary.trafficRouting.istio";
        return Err(Invalid::required(path, "a traffic router must be configured"));
    }
    Ok(routers)
}

fn step(index: usize, wire: &CanaryStep, canary: &CanaryStrategy) -> Result<Step, Invalid> {
    let path = format!("spec.strategy.canary.steps[{index}]");
    let kinds = [wire.set_weight.is_some(), wire.pause.is_some(), wire.experiment.is_some(), wire.analysis.is_some()];
    let others = [
        wire.set_canary_scale.is_some(),
        wire.set_header_route.is_some(),
        wire.set_mirror_route.is_some(),
        wire.plugin.is_some(),
    ];
    let chosen = kinds.iter().filter(|is_set| **is_set).count();
    if chosen > 1 || (chosen == 0 && !others.contains(&true)) {
        return Err(Invalid::value(
            &path,
            wire,
            "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause",
        ));
    }
    unsupported::check_step(&path, wire)?;
    if let Some(weight) = wire.set_weight {
        if !(0..=WHOLE).contains(&weight) {
            return Err(Invalid::value(
                &format!("{path}.setWeight"),
                weight,
                format!("SetWeight needs to be between 0 and {WHOLE}"),
            ));
        }
        return Ok(Step::SetWeight(weight));
    }
    if let Some(analysis) = &wire.analysis {
        if let Some(field) = runs::unreadable_metadata(&analysis.args) {
            return Err(Invalid::value(&format!("{path}.analyses"), field, UNREADABLE_METADATA));
        }
        return Ok(Step::Analysis(Box::new(analysis.clone())));
    }
    if let Some(wanted) = &wire.experiment {
        experiment::check(&path, wanted, canary)?;
        return Ok(Step::Experiment(Box::new(wanted.clone())));
    }
    if let (None, Some(scale)) = (&wire.pause, &wire.set_canary_scale) {
        return Ok(Step::SetCanaryScale(CanaryScale::of(scale)));
    }
    if let (None, Some(route)) = (&wire.pause, &wire.set_header_route) {
        return Ok(Step::SetHeaderRoute(route.name.clone().unwrap_or_default()));
    }
    if let (None, Some(route)) = (&wire.pause, &wire.set_mirror_route) {
        return Ok(Step::SetMirrorRoute(route.name.clone().unwrap_or_default()));
    }
    let duration = wire.pause.as_ref().and_then(|pause| pause.duration.as_ref()).map(crds::duration::pause_seconds);
    match duration {
        Some(duration) if duration < 0 => {
            Err(Invalid::value(&format!("{path}.pause.duration"), duration, "Duration needs to be greater than 0"))
        }
        duration => Ok(Step::Pause(duration.map(TimeDelta::seconds))),
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

//! How far an update has come: what the controller remembers, and what it reports.

use crate::{Raw, Time, analysis::AnalysisPhase, wire::wire};

wire! {
    /// How far the update has come.
    pub struct RolloutStatus {
        /// Set by a client, or by the controller when an analysis fails: the update is taken back.
        pub abort: bool,
        /// Why the update is held. A client clears the list to resume.
        pub pause_conditions: Vec<PauseCondition>,
        /// Whether the controller itself paused the update; with an empty list of pause conditions it means that somebody resumed.
        pub controller_pause: bool,
        /// When the controller first saw the abort.
        pub aborted_at: Option<Time>,
        /// Hash of the wanted pod template.
        pub current_pod_hash: Option<String>,
        /// Hash of the steps; a change starts them from the first again.
        pub current_step_hash: Option<String>,
        /// All pods.
        pub replicas: Option<i32>,
        /// Pods of the new revision.
        pub updated_replicas: Option<i32>,
        /// Pods that are ready.
        pub ready_replicas: Option<i32>,
        /// Pods that have been ready for `minReadySeconds`.
        pub available_replicas: Option<i32>,
        /// Index of the step that is being done; the number of steps when all are done.
        pub current_step_index: Option<i32>,
        /// Counts hash collisions of pod templates.
        pub collision_count: Option<i32>,
        /// The generation that this status tells about, in decimal.
        pub observed_generation: Option<String>,
        /// Findings, each with since when it holds.
        pub conditions: Vec<Condition>,
        /// What the canary strategy remembers.
        pub canary: CanaryStatus,
        /// What the blue-green strategy remembers.
        pub blue_green: BlueGreenStatus,
        /// Pods that a HorizontalPodAutoscaler counts.
        #[serde(rename = "HPAReplicas")]
        pub hpa_replicas: Option<i32>,
        /// Selector of the pods, as text, for a HorizontalPodAutoscaler.
        pub selector: Option<String>,
        /// Hash of the revision that was last brought out whole.
        #[serde(rename = "stableRS")]
        pub stable_rs: Option<String>,
        /// The `restartAt` whose restart is complete.
        pub restarted_at: Option<Time>,
        /// Set by a client: go to the end at once, without steps and analyses.
        pub promote_full: bool,
        /// Healthy, Progressing, Paused or Degraded.
        pub phase: Option<String>,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// The generation of the workload that `workloadRef` names, in decimal.
        pub workload_observed_generation: Option<String>,
        /// The load balancer that was checked.
        pub alb: Option<AlbStatus>,
        /// The load balancers that were checked.
        pub albs: Vec<AlbStatus>,
        /// How long the update has taken.
        pub duration: Option<RolloutDuration>,
    }

    /// A reason to hold the update.
    pub struct PauseCondition {
        /// CanaryPauseStep, BlueGreenPause, InconclusiveAnalysisRun or InconclusiveExperiment.
        pub reason: String,
        /// Since when.
        pub start_time: Option<Time>,
    }

    /// A finding, and since when it holds.
    pub struct Condition {
        /// What it is about.
        #[serde(rename = "type")]
        pub condition_type: String,
        /// True, False or Unknown.
        pub status: String,
        /// When the finding was last written.
        pub last_update_time: Option<Time>,
        /// When its status last changed.
        pub last_transition_time: Option<Time>,
        /// Why, in one word.
        pub reason: String,
        /// Why, in a sentence.
        pub message: String,
    }

    /// What the canary strategy remembers.
    pub struct CanaryStatus {
        /// The analysis run of the current step.
        pub current_step_analysis_run_status: Option<RolloutAnalysisRunStatus>,
        /// The background analysis run.
        pub current_background_analysis_run_status: Option<RolloutAnalysisRunStatus>,
        /// The Experiment of the current step.
        pub current_experiment: Option<String>,
        /// How the traffic is divided, with traffic routing.
        pub weights: Option<TrafficWeights>,
        /// Which of the two Services is the stable one: `ping` or `pong`.
        pub stable_ping_pong: Option<String>,
        /// What step plugins have done.
        pub step_plugin_statuses: Vec<StepPluginStatus>,
    }

    /// What the blue-green strategy remembers.
    pub struct BlueGreenStatus {
        /// Hash of the revision that the preview Service leads to.
        pub preview_selector: Option<String>,
        /// Hash of the revision that the active Service leads to.
        pub active_selector: Option<String>,
        /// Whether the smaller preview has passed, so that all pods may start.
        pub scale_up_preview_check_point: bool,
        /// The analysis before the switch.
        pub pre_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
        /// The analysis after the switch.
        pub post_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    }

    /// An analysis run of the update.
    pub struct RolloutAnalysisRunStatus {
        /// Name of the AnalysisRun.
        pub name: String,
        /// Its phase; empty until the run has one.
        pub status: AnalysisPhase,
        /// Its message.
        pub message: Option<String>,
    }

    /// How the traffic is divided.
    pub struct TrafficWeights {
        /// The new revision's part.
        pub canary: WeightDestination,
        /// The stable revision's part.
        pub stable: WeightDestination,
        /// Parts of experiments.
        pub additional: Vec<WeightDestination>,
        /// Whether the router confirmed the weights; absent when it was not asked.
        pub verified: Option<bool>,
    }

    /// One part of the traffic.
    pub struct WeightDestination {
        /// Percentage.
        pub weight: i32,
        /// The Service that it goes through.
        pub service_name: Option<String>,
        /// Hash of the revision that it reaches.
        pub pod_template_hash: Option<String>,
    }

    /// What a step plugin has done.
    pub struct StepPluginStatus {
        /// Index of the step.
        pub index: i32,
        /// Name of the plugin.
        pub name: String,
        /// Why.
        pub message: Option<String>,
        /// When it started.
        pub started_at: Option<Time>,
        /// When it was last asked.
        pub updated_at: Option<Time>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// Run, Terminate or Abort.
        pub operation: Option<String>,
        /// Running, Successful, Failed or Error.
        pub phase: Option<String>,
        /// How long to wait before the next attempt.
        pub backoff: Option<String>,
        /// How often it was asked.
        pub executions: Option<i32>,
        /// Whether the plugin is switched off.
        pub disabled: bool,
        /// What the plugin remembers.
        pub status: Option<Raw>,
    }

    /// A load balancer that was checked.
    pub struct AlbStatus {
        /// The load balancer.
        pub load_balancer: Option<AwsResource>,
        /// The new revision's target group.
        pub canary_target_group: Option<AwsResource>,
        /// The stable revision's target group.
        pub stable_target_group: Option<AwsResource>,
        /// The Ingress.
        pub ingress: Option<String>,
    }

    /// Something in AWS.
    pub struct AwsResource {
        /// Its name.
        pub name: String,
        /// Its ARN.
        pub arn: String,
        /// Its name with its kind, as metrics name it.
        pub full_name: Option<String>,
    }

    /// How long the update has taken.
    pub struct RolloutDuration {
        /// When it started.
        pub rollout_started_at: Option<Time>,
        /// Since when a person holds it.
        pub manual_pause_started_at: Option<Time>,
        /// How many seconds people have held it before.
        pub total_manual_pause_duration_seconds: Option<i64>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// Promoted, FastPromoted, Aborted, Superseded, RolledBack or FastRolledBack.
        pub completion_status: Option<String>,
    }
}

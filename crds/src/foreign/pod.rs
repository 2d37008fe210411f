//! Pod: enough of it to know whether it is ready, since when, and if not, why.

use crate::{
    ObjectMeta, Time,
    wire::{object, wire},
};

object!(Pod);

wire! {
    /// A pod.
    pub struct Pod {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What should run.
        pub spec: PodSpec,
        /// What runs.
        pub status: PodStatus,
    }

    /// What should run.
    pub struct PodSpec {
        /// The node, once it has one.
        pub node_name: Option<String>,
        /// Containers that run before the others.
        pub init_containers: Vec<Container>,
        /// Containers.
        pub containers: Vec<Container>,
        /// Conditions that must hold for the pod to be ready.
        pub readiness_gates: Vec<ReadinessGate>,
    }

    /// A container.
    pub struct Container {
        /// Its name.
        pub name: String,
        /// Its image.
        pub image: Option<String>,
    }

    /// A condition that must hold for the pod to be ready.
    pub struct ReadinessGate {
        /// The condition's type.
        pub condition_type: String,
    }

    /// What runs.
    pub struct PodStatus {
        /// Pending, Running, Succeeded, Failed or Unknown.
        pub phase: Option<String>,
        /// Why, in one word.
        pub reason: Option<String>,
        /// Why, in a sentence.
        pub message: Option<String>,
        /// Its address.
        #[serde(rename = "podIP")]
        pub pod_ip: Option<String>,
        /// Findings.
        pub conditions: Vec<PodCondition>,
        /// Containers that run before the others.
        pub init_container_statuses: Vec<ContainerStatus>,
        /// Containers.
        pub container_statuses: Vec<ContainerStatus>,
    }

    /// A finding.
    pub struct PodCondition {
        /// What it is about.
        #[serde(rename = "type")]
        pub condition_type: String,
        /// True, False or Unknown.
        pub status: String,
        /// When its status last changed.
        pub last_transition_time: Option<Time>,
        /// Why, in one word.
        pub reason: Option<String>,
        /// Why, in a sentence.
        pub message: Option<String>,
    }

    /// How a container is.
    pub struct ContainerStatus {
        /// Its name.
        pub name: String,
        /// Whether it is ready.
        pub ready: bool,
        /// How often it was started again.
        pub restart_count: i32,
        /// What it does now.
        pub state: ContainerState,
        /// How its run before this one ended.
        pub last_state: Option<Box<ContainerState>>,
    }

    /// What a container does: one of the fields.
    pub struct ContainerState {
        /// It waits.
        pub waiting: Option<ContainerWaiting>,
        /// It runs.
        pub running: Option<ContainerRunning>,
        /// It has ended.
        pub terminated: Option<ContainerTerminated>,
    }

    /// A container that waits.
    pub struct ContainerWaiting {
        /// Why, in one word.
        pub reason: Option<String>,
        /// Why, in a sentence.
        pub message: Option<String>,
    }

    /// A container that runs.
    pub struct ContainerRunning {
        /// Since when.
        pub started_at: Option<Time>,
    }

    /// A container that has ended.
    pub struct ContainerTerminated {
        /// Its exit code.
        pub exit_code: i32,
        /// Why, in one word.
        pub reason: Option<String>,
        /// Why, in a sentence.
        pub message: Option<String>,
    }
}

impl Pod {
    /// The finding of this type.
    pub fn condition(&self, condition_type: &str) -> Option<&PodCondition> {
        self.status.conditions.iter().find(|condition| condition.condition_type == condition_type)
    }

    /// Whether it is ready, whether or not it is being deleted.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// Since when it is ready; absent when it is not.
    pub fn ready_since(&self) -> Option<Time> {
        self.condition("Ready").filter(|condition| condition.status == "True")?.last_transition_time
    }

    /// How often its containers were started again, together.
    pub fn restarts(&self) -> i32 {
        self.status.container_statuses.iter().map(|status| status.restart_count).fold(0, i32::saturating_add)
    }
}

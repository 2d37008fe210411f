//! Rollout: a Deployment's successor that moves to a new revision step by step.
//!
//! The wire types only; what they mean is in the rule crates.

mod analysis;
mod blue_green;
mod canary;
mod experiment_step;
mod spec;
mod status;
mod step;
mod traffic;

pub use self::{
    analysis::{
        AnalysisRunMetadata, RolloutAnalysis, RolloutAnalysisArgument, RolloutAnalysisArgumentSource,
        RolloutAnalysisBackground, TemplateRef,
    },
    blue_green::BlueGreenStrategy,
    canary::{
        AntiAffinity, CanaryStrategy, PingPong, PodMetadata, PreferredAntiAffinity, ReplicaProgressThreshold,
        RequiredAntiAffinity,
    },
    experiment_step::{ExperimentStep, ExperimentStepAnalysis, ExperimentStepTemplate, ServiceName},
    spec::{AnalysisHistory, RollbackWindow, Rollout, RolloutSpec, RolloutStrategy, WorkloadRef},
    status::{
        AlbStatus, AwsResource, BlueGreenStatus, CanaryStatus, Condition, PauseCondition, RolloutAnalysisRunStatus,
        RolloutDuration, RolloutStatus, StepPluginStatus, TrafficWeights, WeightDestination,
    },
    step::{
        CanaryStep, HeaderRoutingMatch, Pause, PluginStep, RouteMatch, SetCanaryScale, SetHeaderRoute, SetMirrorRoute,
        StringMatch,
    },
    traffic::{
        AlbStickiness, AlbTrafficRouting, AmbassadorTrafficRouting, ApisixRoute, ApisixTrafficRouting,
        AppMeshTrafficRouting, AppMeshVirtualNodeGroup, AppMeshVirtualNodeRef, AppMeshVirtualService,
        GatewayApiTrafficRouting, GatewayRoute, IstioDestinationRule, IstioTrafficRouting, IstioVirtualService,
        ManagedRoute, NginxTrafficRouting, SmiTrafficRouting, TcpRoute, TlsRoute, TraefikTrafficRouting,
        TrafficRouting,
    },
};

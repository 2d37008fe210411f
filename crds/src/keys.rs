//! Labels, annotations and finalizers by name. Other programs read and write them, so each is a fact, not a choice;
//! our own are under `leadline.dev/`.

/// Label of ReplicaSets, pods, runs, and of Service selectors and mesh subsets: which revision.
pub const POD_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";
/// Annotation of a Rollout and what it owns: decimal revision number.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// Annotation of a ReplicaSet that was used again: its former revision numbers, separated by commas.
pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// Annotation of a ReplicaSet: the Rollout's replicas when it was last scaled.
pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation of a Rollout: generation of the workload it refers to.
pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation of a ReplicaSet: the labels and annotations injected into its pods, as JSON.
pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation of a ReplicaSet: labels and annotations, as JSON, that its pods were given before and may carry still.
pub const FORMER_METADATA: &str = "leadline.dev/former-metadata";
/// Annotation of a ReplicaSet: the sleep before their end that its containers were given, as JSON.
pub const DRAIN_HOOK: &str = "leadline.dev/drain-hook";
/// Annotation of a ReplicaSet: when it may be scaled down, RFC 3339 in UTC. It has no prefix.
pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation of a ReplicaSet beside its deadline: the pods that it keeps then. Absent means none.
pub const SCALE_DOWN_TO: &str = "leadline.dev/scale-down-to";
/// On a route of Gateway API: what the rules match that steps of each Rollout have added.
pub const MANAGED_RULES: &str = "leadline.dev/managed-rules";
/// Annotation of Services and mesh objects: the Rollout that manages them.
pub const MANAGED_BY_ROLLOUTS: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Annotation of an Ingress of the AWS load balancer controller: which annotations there belong to which Rollout, as JSON.
pub const MANAGED_ALB_ANNOTATIONS: &str = "rollouts.argoproj.io/managed-alb-annotations";
/// Label: which controller instance looks after the object.
pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";
/// Label of an AnalysisRun: Step, Background, PrePromotion or PostPromotion.
pub const ROLLOUT_TYPE: &str = "rollout-type";
/// Label of an AnalysisRun of a step: index of the step.
pub const STEP_INDEX: &str = "step-index";
/// Annotation of what an Experiment owns: the Experiment's name.
pub const EXPERIMENT_NAME: &str = "experiment.argoproj.io/name";
/// Annotation of what an Experiment owns: which of its templates.
pub const EXPERIMENT_TEMPLATE_NAME: &str = "experiment.argoproj.io/template-name";
/// Annotation: which notifications were sent.
pub const NOTIFIED: &str = "notified.notifications.argoproj.io";

/// Field manager of the controller: whom the API server notes as the writer of what it wrote.
pub const FIELD_MANAGER: &str = "leadline-controller";

/// Annotation that `kubectl apply` keeps for itself.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Label of an EndpointSlice: its Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Annotation of an Application: `normal` or `hard` asks for a comparison now.
pub const REFRESH: &str = "argocd.argoproj.io/refresh";
/// Annotation of an Application: when the refresh was asked for.
pub const REFRESH_TIMESTAMP: &str = "argocd.argoproj.io/refresh-timestamp";
/// Annotation of an Application: `true` stops all work on it.
pub const SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";
/// Annotation of a managed object: which Application it belongs to.
pub const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// Annotation: options of the comparison.
pub const COMPARE_OPTIONS: &str = "argocd.argoproj.io/compare-options";
/// Annotation of a managed object: options of its sync.
pub const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
/// Annotation of a managed object: its wave.
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Annotation of a managed object: the phases it is a hook of.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// Annotation of a managed object: `true` keeps its health out of the Application's.
pub const IGNORE_HEALTHCHECK: &str = "argocd.argoproj.io/ignore-healthcheck";
/// Finalizer of an Application: its objects are deleted first, in the foreground.
pub const RESOURCES_FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";
/// The same, said in full.
pub const RESOURCES_FINALIZER_FOREGROUND: &str = "resources-finalizer.argocd.argoproj.io/foreground";
/// Finalizer of an Application: its objects are deleted in the background.
pub const RESOURCES_FINALIZER_BACKGROUND: &str = "resources-finalizer.argocd.argoproj.io/background";
/// Finalizer of an Application, alone or with a stage behind it: hooks run before its objects are deleted.
pub const PRE_DELETE_FINALIZER: &str = "pre-delete-finalizer.argocd.argoproj.io";
/// The same for hooks that run afterwards.
pub const POST_DELETE_FINALIZER: &str = "post-delete-finalizer.argocd.argoproj.io";

//! Which fields of a Rollout's status are memory: a decision reads them, so they are recorded before anything acts on them.
//! Every other field is report, and erasing it changes no decision.
//!
//! Some are written by clients too: that is how a person steers an update.

/// Paths below `status` that a decision reads.
pub const MEMORY: [&str; 24] = [
    // Which template and which steps the rest is about.
    "currentPodHash",
    "currentStepHash",
    "collisionCount",
    // Where the update stands. Clients bump the index to skip a step.
    "stableRS",
    "currentStepIndex",
    // What holds it. Clients clear the list to promote.
    "pauseConditions",
    "controllerPause",
    // What a client asked for, and when it was first seen.
    "abort",
    "abortedAt",
    "promoteFull",
    // Which restart was carried out.
    "restartedAt",
    // The names of its runs, recorded before the runs are created; without a phase until they were.
    "canary.currentStepAnalysisRunStatus",
    "canary.currentBackgroundAnalysisRunStatus",
    "blueGreen.prePromotionAnalysisRunStatus",
    "blueGreen.postPromotionAnalysisRunStatus",
    // The name of the step's experiment, recorded before that is created.
    "canary.currentExperiment",
    // Whether the smaller preview was let go.
    "blueGreen.scaleUpPreviewCheckPoint",
    // The progress deadline counts from Progressing.lastUpdateTime, and starts anew when one of the counts or selectors moves.
    "conditions",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "blueGreen.activeSelector",
    "blueGreen.previewSelector",
];

//! The CustomResourceDefinitions of a world: ours, as the chart installs them, and what a world needs of the routers'.

use crate::server::{GATEWAY_API, ISTIO, ROUTERS};

/// All definitions, as YAML.
pub fn definitions() -> Vec<&'static str> {
    vec![
        include_str!("../../../charts/leadline/crds/rollouts.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/analysistemplates.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/clusteranalysistemplates.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/analysisruns.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/experiments.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/applications.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/appprojects.argoproj.io.yaml"),
        ISTIO,
        GATEWAY_API,
        ROUTERS,
    ]
}

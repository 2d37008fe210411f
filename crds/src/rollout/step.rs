//! One canary step. Clients hash the JSON of the list of steps, so the order of fields matters here.

use std::collections::BTreeMap;

use super::{ExperimentStep, RolloutAnalysis};
use crate::{IntOrString, Raw, wire::wire};

wire! {
    /// One step of a canary: exactly one of the fields.
    pub struct CanaryStep {
        /// Send this percentage of the traffic to the new revision.
        pub set_weight: Option<i32>,
        /// Wait: for `duration`, or until somebody resumes the Rollout.
        pub pause: Option<Pause>,
        /// Run an Experiment, and go on when it succeeds.
        pub experiment: Option<ExperimentStep>,
        /// Run an analysis, and go on when it succeeds.
        pub analysis: Option<RolloutAnalysis>,
        /// Set how many pods the new revision has, apart from its share of the traffic. Needs `trafficRouting`.
        pub set_canary_scale: Option<SetCanaryScale>,
        /// Send requests with given headers to the new revision.
        pub set_header_route: Option<SetHeaderRoute>,
        /// Send a copy of requests to the new revision, whose answers nobody sees.
        pub set_mirror_route: Option<SetMirrorRoute>,
        /// Run a step plugin.
        pub plugin: Option<PluginStep>,
    }

    /// A wait.
    pub struct Pause {
        /// How long: seconds as a number, or a text such as `90s`, `10m` or `1h30m`. Until somebody resumes when absent.
        pub duration: Option<IntOrString>,
    }

    /// How many pods the new revision has: exactly one of the fields.
    pub struct SetCanaryScale {
        /// A percentage of `spec.replicas`.
        pub weight: Option<i32>,
        /// A number of pods.
        pub replicas: Option<i32>,
        /// Back to what the traffic weight asks for.
        pub match_traffic_weight: bool,
    }

    /// A route by header.
    pub struct SetHeaderRoute {
        /// Name of the route; must be listed in `trafficRouting.managedRoutes`.
        pub name: Option<String>,
        /// Headers, any of which is enough. Without them the route is removed.
        #[serde(rename = "match")]
        pub matches: Vec<HeaderRoutingMatch>,
    }

    /// A header to look for.
    pub struct HeaderRoutingMatch {
        /// Name of the header.
        pub header_name: String,
        /// What its value must be.
        pub header_value: Option<StringMatch>,
    }

    /// How a text is compared: exactly one of the fields.
    pub struct StringMatch {
        /// It is this.
        pub exact: Option<String>,
        /// It starts with this.
        pub prefix: Option<String>,
        /// It matches this regular expression.
        pub regex: Option<String>,
    }

    /// A route that copies requests.
    pub struct SetMirrorRoute {
        /// Name of the route; must be listed in `trafficRouting.managedRoutes`.
        pub name: Option<String>,
        /// Which requests are copied. Without it the route is removed.
        #[serde(rename = "match")]
        pub matches: Vec<RouteMatch>,
        /// What percentage of them is copied. 100 when absent.
        pub percentage: Option<i32>,
    }

    /// Which requests a route takes; all given parts must hold.
    pub struct RouteMatch {
        /// The HTTP method.
        pub method: Option<StringMatch>,
        /// The path.
        pub path: Option<StringMatch>,
        /// Headers by name.
        pub headers: BTreeMap<String, StringMatch>,
    }

    /// A step done by a plugin.
    pub struct PluginStep {
        /// Name of the plugin.
        pub name: String,
        /// Settings that the plugin reads.
        pub config: Option<Raw>,
    }
}

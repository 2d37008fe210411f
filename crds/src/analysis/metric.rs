//! One metric: where its values come from, how often they are taken, and how many bad ones are borne.

use std::collections::BTreeMap;

use super::{
    CloudWatchMetric, DatadogMetric, GraphiteMetric, InfluxdbMetric, JobMetric, KayentaMetric, NewRelicMetric,
    PrometheusMetric, SkywalkingMetric, WavefrontMetric, WebMetric,
};
use crate::{IntOrString, Raw, wire::wire};

wire! {
    /// One thing that is measured, and what its values mean.
    pub struct Metric {
        /// Its name, unique in the run.
        pub name: String,
        /// Time between measurements, such as `30s`. Once when absent.
        pub interval: Option<String>,
        /// Time from the start of the run to the first measurement, such as `1m`.
        pub initial_delay: Option<String>,
        /// How many measurements are taken. One without `interval`; with it, as many as the run lasts.
        pub count: Option<IntOrString>,
        /// Condition that a good value fulfils, such as `result[0] >= 0.95`.
        pub success_condition: Option<String>,
        /// Condition that a bad value fulfils. A value that fulfils neither is inconclusive.
        pub failure_condition: Option<String>,
        /// How many bad values are borne; one more fails the metric. -1 bears any number. 0 when absent.
        pub failure_limit: Option<IntOrString>,
        /// How many inconclusive values are borne. 0 when absent.
        pub inconclusive_limit: Option<IntOrString>,
        /// How many errors in a row are borne. 4 when absent.
        pub consecutive_error_limit: Option<IntOrString>,
        /// So many good values in a row end the metric successfully. 0, which is off, when absent.
        pub consecutive_success_limit: Option<IntOrString>,
        /// Where the values come from.
        pub provider: Provider,
    }

    /// Where values come from: exactly one of the fields.
    pub struct Provider {
        /// A query to Prometheus, or to a server with its API.
        pub prometheus: Option<PrometheusMetric>,
        /// A judgement by Kayenta.
        pub kayenta: Option<KayentaMetric>,
        /// An HTTP request to any server.
        pub web: Option<WebMetric>,
        /// A query to Datadog.
        pub datadog: Option<DatadogMetric>,
        /// A query to Wavefront.
        pub wavefront: Option<WavefrontMetric>,
        /// A query to New Relic.
        pub new_relic: Option<NewRelicMetric>,
        /// A Job; good when it completes, bad when it fails.
        pub job: Option<JobMetric>,
        /// A query to AWS CloudWatch.
        pub cloud_watch: Option<CloudWatchMetric>,
        /// A query to Graphite.
        pub graphite: Option<GraphiteMetric>,
        /// A query to InfluxDB.
        pub influxdb: Option<InfluxdbMetric>,
        /// A query to SkyWalking.
        pub skywalking: Option<SkywalkingMetric>,
        /// Metric plugins by name, each with the settings that it reads; one at most.
        pub plugin: BTreeMap<String, Raw>,
    }
}

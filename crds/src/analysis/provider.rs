//! The settings of each metric provider.

use std::collections::BTreeMap;

use crate::{IntOrString, Raw, wire::wire};

wire! {
    /// A query to Prometheus.
    pub struct PrometheusMetric {
        /// Address of the server, such as `http://prometheus.monitoring:9090`. The controller's default when absent.
        pub address: Option<String>,
        /// The query, in PromQL.
        pub query: Option<String>,
        /// How to prove who asks.
        pub authentication: Option<Authentication>,
        /// Seconds to wait for the answer. 30 when absent.
        pub timeout: Option<i64>,
        /// Do not check the server's certificate.
        pub insecure: bool,
        /// Headers of the request.
        pub headers: Vec<WebMetricHeader>,
        /// Ask for a span of time instead of one moment.
        pub range_query: Option<PrometheusRangeQuery>,
    }

    /// A span of time.
    pub struct PrometheusRangeQuery {
        /// Expression for its start, such as `now() - duration("5m")`.
        pub start: Option<String>,
        /// Expression for its end, such as `now()`.
        pub end: Option<String>,
        /// Time between two values, such as `1m`.
        pub step: Option<String>,
    }

    /// How to prove who asks.
    pub struct Authentication {
        /// Sign requests for AWS.
        pub sigv4: Option<Sigv4>,
        /// Get a token by OAuth 2.
        pub oauth2: Option<OAuth2>,
        /// User name and password.
        pub basic_auth: Option<BasicAuth>,
    }

    /// Signs requests for AWS.
    pub struct Sigv4 {
        /// Region of the service.
        pub region: Option<String>,
        /// Profile to take credentials from.
        pub profile: Option<String>,
        /// Role to assume.
        pub role_arn: Option<String>,
    }

    /// Gets a token by OAuth 2.
    pub struct OAuth2 {
        /// Where tokens are given.
        pub token_url: Option<String>,
        /// The client's id.
        pub client_id: Option<String>,
        /// The client's secret.
        pub client_secret: Option<String>,
        /// What the token is to allow.
        pub scopes: Vec<String>,
    }

    /// User name and password.
    pub struct BasicAuth {
        /// The user name.
        pub username: Option<String>,
        /// The password.
        pub password: Option<String>,
    }

    /// An HTTP request to any server.
    pub struct WebMetric {
        /// GET, POST or PUT. GET when absent.
        pub method: Option<String>,
        /// The address.
        pub url: String,
        /// Headers of the request.
        pub headers: Vec<WebMetricHeader>,
        /// Text to send, with POST and PUT.
        pub body: Option<String>,
        /// Seconds to wait for the answer. 10 when absent.
        pub timeout_seconds: Option<i64>,
        /// Which part of the answer is the value, as `{$.data.ok}`. All of it when absent.
        pub json_path: Option<String>,
        /// Do not check the server's certificate.
        pub insecure: bool,
        /// JSON to send, in place of `body`.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub json_body: Option<Raw>,
        /// How to prove who asks.
        pub authentication: Option<Authentication>,
    }

    /// A header of a request.
    pub struct WebMetricHeader {
        /// Its name.
        pub key: String,
        /// Its value.
        pub value: String,
    }

    /// A query to Datadog.
    pub struct DatadogMetric {
        /// The span of time to look at. `5m` when absent.
        pub interval: Option<String>,
        /// The query.
        pub query: Option<String>,
        /// Queries by name, for `formula`.
        pub queries: BTreeMap<String, String>,
        /// What to make of the queries.
        pub formula: Option<String>,
        /// Version of the API: `v1` or `v2`. `v1` when absent.
        pub api_version: Option<String>,
        /// How the values of the span become one, with `v2`. `last` when absent.
        pub aggregator: Option<String>,
        /// Time to wait for the answer. `10s` when absent.
        pub request_timeout: Option<String>,
        /// The Secret with the keys.
        pub secret_ref: Option<DatadogSecretRef>,
    }

    /// The Secret with Datadog's keys.
    pub struct DatadogSecretRef {
        /// Its name.
        pub name: Option<String>,
        /// Whether it is in the namespace of the run instead of the controller's.
        pub namespaced: bool,
    }

    /// A query to Wavefront.
    pub struct WavefrontMetric {
        /// Address of the server.
        pub address: Option<String>,
        /// The query.
        pub query: Option<String>,
    }

    /// A query to New Relic.
    pub struct NewRelicMetric {
        /// Name of the Secret with the credentials. `newrelic` when absent.
        pub profile: Option<String>,
        /// The query, in NRQL.
        pub query: String,
        /// Seconds to wait for the answer. 5 when absent.
        pub timeout: Option<i64>,
    }

    /// A Job whose end is the measurement.
    pub struct JobMetric {
        /// Labels and annotations of the Job.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub metadata: Option<Raw>,
        /// The Job's spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub spec: Option<Raw>,
    }

    /// A query to Graphite.
    pub struct GraphiteMetric {
        /// Address of the server.
        pub address: Option<String>,
        /// The query.
        pub query: Option<String>,
    }

    /// A query to InfluxDB.
    pub struct InfluxdbMetric {
        /// Name of the Secret with the credentials. `influxdb` when absent.
        pub profile: Option<String>,
        /// The query, in Flux.
        pub query: Option<String>,
    }

    /// A query to SkyWalking.
    pub struct SkywalkingMetric {
        /// Address of the server.
        pub address: Option<String>,
        /// The query, in GraphQL.
        pub query: Option<String>,
        /// The span of time to look at.
        pub interval: Option<String>,
    }

    /// A query to AWS CloudWatch.
    pub struct CloudWatchMetric {
        /// The span of time to look at. `5m` when absent.
        pub interval: Option<String>,
        /// The queries.
        pub metric_data_queries: Vec<CloudWatchMetricDataQuery>,
    }

    /// One query to CloudWatch: an expression or a metric.
    pub struct CloudWatchMetricDataQuery {
        /// Its name within the request.
        pub id: Option<String>,
        /// An expression over other queries.
        pub expression: Option<String>,
        /// A label for people.
        pub label: Option<String>,
        /// A metric.
        pub metric_stat: Option<CloudWatchMetricStat>,
        /// Seconds between two values.
        pub period: Option<IntOrString>,
        /// Whether its values are returned.
        pub return_data: Option<bool>,
    }

    /// A metric and how its values are put together.
    pub struct CloudWatchMetricStat {
        /// The metric.
        pub metric: CloudWatchMetricStatMetric,
        /// Seconds between two values.
        pub period: Option<IntOrString>,
        /// The statistic, such as `Average`.
        pub stat: Option<String>,
        /// The unit.
        pub unit: Option<String>,
    }

    /// A metric of CloudWatch.
    pub struct CloudWatchMetricStatMetric {
        /// What tells this metric from others of its name.
        pub dimensions: Vec<CloudWatchDimension>,
        /// Its name.
        pub metric_name: Option<String>,
        /// Its namespace, such as `AWS/ApplicationELB`.
        pub namespace: Option<String>,
    }

    /// What tells a metric from others of its name.
    pub struct CloudWatchDimension {
        /// Name of the dimension.
        pub name: Option<String>,
        /// Its value.
        pub value: Option<String>,
    }

    /// A judgement by Kayenta.
    pub struct KayentaMetric {
        /// Address of the server.
        pub address: String,
        /// The application.
        pub application: String,
        /// Name of the canary configuration.
        pub canary_config_name: String,
        /// Account for metrics.
        pub metrics_account_name: String,
        /// Account for configurations.
        pub configuration_account_name: String,
        /// Account for storage.
        pub storage_account_name: String,
        /// From which score on the judgement passes.
        pub threshold: KayentaThreshold,
        /// What is compared.
        pub scopes: Vec<KayentaScope>,
        /// Look at a span that always ends now.
        pub lookback: bool,
    }

    /// From which score on the judgement passes.
    pub struct KayentaThreshold {
        /// From here on it is good.
        pub pass: i64,
        /// From here on it is inconclusive.
        pub marginal: i64,
    }

    /// What is compared with what.
    pub struct KayentaScope {
        /// Its name.
        pub name: String,
        /// The old version.
        pub control_scope: ScopeDetail,
        /// The new version.
        pub experiment_scope: ScopeDetail,
    }

    /// One side of a comparison.
    pub struct ScopeDetail {
        /// The scope.
        pub scope: String,
        /// The region.
        pub region: String,
        /// Seconds between two values.
        pub step: i64,
        /// Start of the span.
        pub start: Option<String>,
        /// End of the span.
        pub end: Option<String>,
    }
}

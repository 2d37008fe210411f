//! The flags of `leadline controller`, and the settings they make.
//!
//! Their names and forms are those of the controller that people know, so that a Deployment's arguments can stay: Go's
//! durations, and switches that may carry a value (`--leader-elect=false`). Those of parts that do not exist here are in
//! `ignored_flags`. Nothing is started here.

use crate::ignored_flags::IgnoredFlags;
use clap::{ArgAction, Args, ValueEnum};
use controller::{ApiVersions, ApplicationSettings, LeaseSettings, Limit, Settings, logging::Format};
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// Where a controller finds its own namespace when nobody says it.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The namespace when nothing at all says it.
const USUAL_NAMESPACE: &str = "argo-rollouts";

/// Flags of the controller.
#[derive(Args, Debug)]
pub(crate) struct ControllerFlags {
    /// Look after one namespace only: that of --namespace, or of the kubeconfig.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", action = ArgAction::Set)]
    namespaced: bool,
    /// The namespace for --namespaced.
    #[arg(long, short)]
    namespace: Option<String>,
    /// A kubeconfig file, outside a cluster.
    #[arg(long)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// Look only after objects with the label argo-rollouts.argoproj.io/controller-instance-id of this value.
    #[arg(long, default_value = "")]
    instance_id: String,
    /// Seconds after which everything is looked at again.
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    rollout_resync: u64,
    /// Objects looked after at the same time.
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    rollout_threads: usize,
    /// Address that metrics and health are served on.
    #[arg(long, default_value = "0.0.0.0", value_name = "IP")]
    pub(crate) bind_address: IpAddr,
    /// Port of /metrics; 0 serves none.
    #[arg(long = "metricsPort", aliases = ["metricsport", "metrics-port"], default_value_t = 8090, value_name = "PORT")]
    pub(crate) metrics_port: u16,
    /// Port of /healthz and /readyz; 0 serves none.
    #[arg(long = "healthzPort", aliases = ["healthzport", "healthz-port"], default_value_t = 8080, value_name = "PORT")]
    pub(crate) healthz_port: u16,
    /// error, warn, info, debug or trace.
    #[arg(long, default_value = "info", value_parser = ["error", "warn", "warning", "info", "debug", "trace"])]
    loglevel: String,
    /// How log lines look; without it: text on a terminal, JSON otherwise.
    #[arg(long)]
    logformat: Option<LogFormat>,
    /// Take part in leader election.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", action = ArgAction::Set)]
    leader_elect: bool,
    /// After this long without a renewal others may take the lease.
    #[arg(long, default_value = "15s", value_parser = duration, value_name = "DURATION")]
    leader_election_lease_duration: Duration,
    /// After this long without a renewal this controller stops writing.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "DURATION")]
    leader_election_renew_deadline: Duration,
    /// Time between two renewals.
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "DURATION")]
    leader_election_retry_period: Duration,
    /// The namespace that the controller runs in; it holds the leases.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    own_namespace: Option<String>,
    /// Version of Istio's API.
    #[arg(long, default_value = "v1", value_parser = ["v1", "v1beta1", "v1alpha3"], value_name = "VERSION")]
    istio_api_version: String,
    /// Version of TrafficSplits, for routers that read them.
    #[arg(long, default_value = "v1alpha1", value_parser = ["v1alpha1", "v1alpha2", "v1alpha3", "v1alpha4"], value_name = "VERSION")]
    traffic_split_api_version: String,
    /// Group and version of TraefikServices.
    #[arg(long, default_value = "traefik.io/v1alpha1", value_parser = ["traefik.io/v1alpha1", "traefik.containo.us/v1alpha1"], value_name = "VERSION")]
    traefik_api_version: String,
    /// Version of Ambassador's Mappings.
    #[arg(long, default_value = "getambassador.io/v2", value_parser = ["getambassador.io/v2", "getambassador.io/v3alpha1"], value_name = "VERSION")]
    ambassador_api_version: String,
    /// Prometheus, for metrics that name no address.
    #[arg(long, env = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", value_name = "URL")]
    prometheus: Option<String>,
    /// Look after Applications too: sync manifests from Git.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", action = ArgAction::Set)]
    applications: bool,
    /// How often a branch is looked at for new commits.
    #[arg(long, default_value = "120s", value_parser = duration, value_name = "DURATION")]
    git_poll: Duration,
    /// Accept repositories with file:// addresses. Whoever may write an Application then reads this machine's files.
    #[arg(long)]
    allow_file_urls: bool,
    /// Where fetched repositories are kept.
    #[arg(long, value_name = "FOLDER")]
    git_cache: Option<PathBuf>,
    /// The program that renders kustomizations.
    #[arg(long, default_value = "kubectl", value_name = "PROGRAM")]
    kubectl: String,
    /// At most so many requests a second to the API server; without it, the server's own fairness is the limit.
    #[arg(long, value_name = "COUNT")]
    qps: Option<f64>,
    /// So many requests at once after a rest, where requests are limited.
    #[arg(long, value_name = "COUNT")]
    burst: Option<u32>,
    #[command(flatten)]
    pub(crate) ignored: IgnoredFlags,
}

/// The known defaults, where only one of the two is given.
const USUAL_QPS: f64 = 40.0;
const USUAL_BURST: u32 = 80;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl ControllerFlags {
    /// Starts logging as asked.
    pub(crate) fn start_logging(&self) {
        let format = match self.logformat {
            None => Format::Auto,
            Some(LogFormat::Text) => Format::Text,
            Some(LogFormat::Json) => Format::Json,
        };
        let level = if self.loglevel == "warning" { "warn" } else { &self.loglevel };
        controller::logging::start(level, format);
    }

    /// The limit of requests, where one is given.
    pub(crate) fn limit(&self) -> Option<Limit> {
        let is_given = self.qps.is_some() || self.burst.is_some();
        is_given.then(|| Limit::of(self.qps.unwrap_or(USUAL_QPS), self.burst.unwrap_or(USUAL_BURST)))?
    }

    fn api_versions(&self) -> ApiVersions {
        let mut chosen = ApiVersions::default();
        chosen.choose("networking.istio.io", &format!("networking.istio.io/{}", self.istio_api_version));
        chosen.choose("split.smi-spec.io", &format!("split.smi-spec.io/{}", self.traffic_split_api_version));
        chosen.choose("traefik.io", &self.traefik_api_version);
        chosen.choose("getambassador.io", &self.ambassador_api_version);
        chosen
    }

    /// The settings. `default_namespace` is that of the kubeconfig or service account, `identity` names this process.
    pub(crate) fn settings(&self, default_namespace: &str, identity: String) -> Settings {
        let own_namespace = self.own_namespace.clone().unwrap_or_else(namespace_of_pod);
        let watched = self.namespace.clone().unwrap_or_else(|| default_namespace.to_owned());
        Settings {
            namespace: self.namespaced.then_some(watched),
            instance_id: self.instance_id.clone(),
            threads: self.rollout_threads,
            resync: Duration::from_secs(self.rollout_resync),
            lease: self.leader_elect.then(|| LeaseSettings {
                identity,
                namespace: own_namespace.clone(),
                duration: self.leader_election_lease_duration,
                renew_deadline: self.leader_election_renew_deadline,
                retry_period: self.leader_election_retry_period,
            }),
            own_namespace,
            api_versions: self.api_versions(),
            prometheus_address: self.prometheus.clone().filter(|address| !address.is_empty()),
            applications: self.applications.then(|| ApplicationSettings {
                polling: self.git_poll,
                allow_file: self.allow_file_urls,
                cache_folder: self.git_cache.clone().unwrap_or_else(|| std::env::temp_dir().join("leadline-git")),
                kubectl: self.kubectl.clone(),
            }),
            packs_objects: true,
        }
    }
}

/// Go's durations; never negative.
fn duration(text: &str) -> Result<Duration, String> {
    crds::duration::parse_go(text)
        .and_then(|duration| duration.to_std().ok())
        .ok_or_else(|| format!("{text:?} is not a duration such as 15s or 1m30s"))
}

fn namespace_of_pod() -> String {
    std::fs::read_to_string(NAMESPACE_FILE)
        .map(|text| text.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| USUAL_NAMESPACE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: ControllerFlags,
    }

    fn settings(line: &str) -> Settings {
        flags(line).settings("team", "me".into())
    }

    fn flags(line: &str) -> ControllerFlags {
        let words = ["controller"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).flags
    }

    #[test]
    fn requests_are_limited_only_where_that_is_asked_for() {
        for (line, expected) in [
            ("", None),
            ("--qps 5", Limit::of(5.0, 80)),
            ("--burst 7", Limit::of(40.0, 7)),
            ("--qps 5 --burst 7", Limit::of(5.0, 7)),
            ("--qps 0", None),
        ] {
            assert_eq!(flags(line).limit(), expected, "{line}");
        }
    }

    #[test]
    fn every_flag_that_people_know_is_taken() {
        let taken = flags(
            "--namespaced --namespace shop --kubeconfig x --context y --instance-id a --rollout-resync 900 \
             --rollout-threads 10 --experiment-threads 10 --analysis-threads 30 --service-threads 10 --ingress-threads 10 \
             --ephemeral-metadata-threads 10 --ephemeral-metadata-update-pod-retries 3 --qps 40 --burst 80 \
             --metricsPort 8090 --healthzPort 8080 --loglevel info --logformat text --kloglevel 0 --leader-elect=true \
             --leader-election-lease-duration 15s --leader-election-renew-deadline 10s --leader-election-retry-period 2s \
             --istio-api-version v1alpha3 --ambassador-api-version getambassador.io/v2 --traffic-split-api-version v1alpha1 \
             --traefik-api-group traefik.io --traefik-api-version traefik.io/v1alpha1 --ingress-api-version auto \
             --appmesh-crd-version v1beta2 --alb-ingress-classes alb --nginx-ingress-classes nginx \
             --aws-verify-target-group --alb-verify-weight=true \
             --aws-target-group-binding-api-version elbv2.k8s.aws/v1beta1 --alb-tag-key-resource-id ingress.k8s.aws/resource \
             --self-service-notification-enabled --controllers analysis --enable-pprof-address :6060",
        );
        let names: Vec<&str> = taken.ignored.given().map(|flag| flag.name).collect();
        assert_eq!(names.first(), Some(&"experiment-threads"));
        assert!(names.contains(&"alb-verify-weight") && !names.contains(&"qps"), "{names:?}");
    }

    #[test]
    fn the_defaults_are_the_known_ones() {
        let settings = settings("");
        assert_eq!((settings.threads, settings.resync.as_secs(), settings.namespace), (10, 900, None));
        assert!(settings.applications.is_none());
        let lease = settings.lease.expect("an election by default");
        assert_eq!((lease.duration, lease.renew_deadline), (Duration::from_secs(15), Duration::from_secs(10)));
    }

    #[test]
    fn switches_carry_values_or_none() {
        for (line, elects, namespace) in [
            ("--leader-elect=false", false, None),
            ("--leader-elect --namespaced", true, Some("team")),
            ("--namespaced=true --namespace shop", true, Some("shop")),
            ("--namespace shop", true, None),
        ] {
            let settings = settings(line);
            assert_eq!((settings.lease.is_some(), settings.namespace.as_deref()), (elects, namespace), "{line}");
        }
    }

    #[test]
    fn arguments_of_an_existing_deployment_are_accepted() {
        let settings = settings(
            "--qps 40 --burst 80 --rollout-threads 5 --experiment-threads 2 --metricsPort 9090 --healthzPort 9091 \
             --loglevel warning --kloglevel 0 --logformat json --leader-election-lease-duration 1m --instance-id blue \
             --istio-api-version v1beta1 --analysis-threads 30 --traffic-split-api-version v1alpha2 \
             --traefik-api-group traefik.containo.us --traefik-api-version traefik.containo.us/v1alpha1 \
             --ambassador-api-version getambassador.io/v3alpha1",
        );
        assert_eq!((settings.threads, settings.instance_id.as_str()), (5, "blue"));
        let mut versions = ApiVersions::default();
        versions.choose("networking.istio.io", "networking.istio.io/v1beta1");
        versions.choose("split.smi-spec.io", "split.smi-spec.io/v1alpha2");
        versions.choose("traefik.io", "traefik.containo.us/v1alpha1");
        versions.choose("getambassador.io", "getambassador.io/v3alpha1");
        assert_eq!(settings.api_versions, versions);
        assert_eq!(settings.lease.expect("a lease").duration, Duration::from_secs(60));
    }

    #[test]
    fn applications_bring_their_settings() {
        let settings = settings("--applications --git-poll 1s --allow-file-urls --git-cache /tmp/x");
        let applications = settings.applications.expect("asked for");
        assert_eq!((applications.polling, applications.allow_file), (Duration::from_secs(1), true));
        assert_eq!(applications.cache_folder, PathBuf::from("/tmp/x"));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["15", "-1s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}

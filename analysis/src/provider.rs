//! Where a metric's values come from: one file per provider says what to ask and what the answer means.
//!
//! A provider that is known and not carried out yet is refused by name.

pub(crate) mod prometheus;

use crate::{arguments::Arguments, refusal::Refusal, validate::provider_names};
use crds::analysis::Provider;
use prometheus::Query;

/// A metric's provider with its settings.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A Prometheus server.
    Prometheus(Query),
}

impl Source {
    /// Reads the provider of a metric; `path` is where it stands in the run.
    pub(crate) fn parse(
        path: &str,
        provider: &Provider,
        arguments: &Arguments,
        prometheus_address: Option<&str>,
    ) -> Result<Self, Refusal> {
        match &provider.prometheus {
            Some(metric) => {
                Query::parse(&format!("{path}.prometheus"), metric, arguments, prometheus_address).map(Self::Prometheus)
            }
            None => {
                let name = provider_names(provider).first().copied().unwrap_or_default();
                Err(Refusal::unsupported(format!("{path}.{name}")))
            }
        }
    }
}

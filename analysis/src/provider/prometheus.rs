//! Prometheus: what to ask (one instant query), and what the answer means (a number, or a list of numbers).
//!
//! An answer that cannot be read is an error, and so is one without a number where a number must be; nothing here turns
//! a missing answer into a value. It sends nothing and judges nothing.

use crate::{
    arguments::{Arguments, without_secrets},
    refusal::Refusal,
};
use crds::analysis::{Authentication, BasicAuth, OAuth2, PrometheusMetric, Sigv4};
use plan::{Credentials, Header, HttpReply, MetricAsk, SecretText};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How long an answer may take where the metric does not say.
const DEFAULT_TIMEOUT_SECS: u64 = 30;

/// Result metadata that shows people the query after its arguments were filled in.
const RESOLVED_QUERY: &str = "ResolvedPrometheusQuery";

/// One metric's query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    address: SecretText,
    query: SecretText,
    timeout_secs: Result<u64, String>,
    headers: Vec<Header>,
    credentials: Credentials,
    insecure: bool,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The numbers.
    pub samples: Samples,
    /// What Prometheus warned of, each in quotes; empty when it did not.
    pub warnings: String,
}

/// The numbers of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Samples {
    /// From a scalar.
    One(f64),
    /// From a vector or a matrix, in the order of its series.
    Many(Vec<f64>),
}

impl Query {
    /// Reads the provider's fields; `path` is where they stand in the run.
    pub(crate) fn parse(
        path: &str,
        metric: &PrometheusMetric,
        arguments: &Arguments,
        default_address: Option<&str>,
    ) -> Result<Self, Refusal> {
        if metric.range_query.is_some() {
            return Err(Refusal::unsupported(format!("{path}.rangeQuery")));
        }
        let credentials = match &metric.authentication {
            Some(authentication) => credentials(&format!("{path}.authentication"), authentication, arguments)?,
            None => Credentials::None,
        };
        let own_address = arguments.fill(metric.address.as_deref().unwrap_or_default())?;
        let address = if own_address.0.is_empty() {
            default_address.map(SecretText::from).unwrap_or_default()
        } else {
            own_address
        };
        let timeout_secs = match metric.timeout.unwrap_or_default() {
            0 => Ok(DEFAULT_TIMEOUT_SECS),
            secs => u64::try_from(secs).map_err(|_| "prometheus timeout should not be negative".to_owned()),
        };
        let mut headers = Vec::new();
        for (index, header) in metric.headers.iter().enumerate() {
            let name = without_secrets(&arguments.fill(&header.key)?)
                .ok_or_else(|| Refusal::unsupported(format!("{path}.headers[{index}].key")))?;
            headers.push(Header { name, value: arguments.fill(&header.value)? });
        }
        let query = arguments.fill(metric.query.as_deref().unwrap_or_default())?;
        Ok(Self { address, query, timeout_secs, headers, credentials, insecure: metric.insecure })
    }

    /// The question, or why it cannot be asked; then the measurement is an error without anybody being asked.
    pub(crate) fn ask(&self, metric: &str, ordinal: u32) -> Result<MetricAsk, String> {
        if self.address.0.is_empty() {
            return Err("prometheus address is not configured".into());
        }
        // An address with a secret in it cannot be looked at here; the shell refuses it when it is wrong.
        if without_secrets(&self.address).is_some_and(|address| !is_url(&address)) {
            return Err("prometheus address is not is url format".into());
        }
        Ok(MetricAsk {
            metric: metric.into(),
            ordinal,
            address: self.address.clone(),
            query: self.query.clone(),
            timeout_secs: self.timeout_secs.clone()?,
            headers: self.headers.clone(),
            credentials: self.credentials.clone(),
            insecure: self.insecure,
        })
    }

    /// What people are shown beside the metric's result. Secrets stay masked.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let query = self.query.to_string();
        if query.is_empty() { BTreeMap::new() } else { BTreeMap::from([(RESOLVED_QUERY.to_owned(), query)]) }
    }
}

/// Reads an answer.
pub(crate) fn read(reply: &HttpReply) -> Result<Reading, String> {
    // 400 and 422 are how Prometheus refuses a query, with a body that says why.
    let is_refusal = matches!(reply.status, 400 | 422);
    if !is_refusal && !(200..300).contains(&reply.status) {
        return Err(unexpected_status(reply));
    }
    let body: Body = serde_json::from_str(&reply.body).map_err(|error| format!("bad_response: {error}"))?;
    if is_refusal != (body.status == "error") {
        return Err("bad_response: inconsistent body for response code".into());
    }
    if is_refusal {
        return Err(format!("{}: {}", body.error_type, body.error));
    }
    if body.status != "success" {
        return Err("bad_response: the answer is no success".into());
    }
    let samples = samples(&body.data.result_type, &body.data.result)?;
    let warnings =
        body.warnings.iter().flatten().map(|warning| format!("\"{warning}\"")).collect::<Vec<_>>().join(", ");
    Ok(Reading { samples, warnings })
}

impl Samples {
    /// The numbers as a measurement shows them: `0.98`, `[1,NaN]`, `[]`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::One(number) => number_text(*number),
            Self::Many(numbers) => {
                format!("[{}]", numbers.iter().map(|number| number_text(*number)).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// The envelope of every answer. Anything may be missing from it: a stranger may answer at that address.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    status: String,
    data: Payload,
    error_type: String,
    error: String,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    result_type: String,
    result: Value,
}

fn unexpected_status(reply: &HttpReply) -> String {
    let problem = match reply.status {
        400..500 => format!("client_error: client error: {}", reply.status),
        500..600 => format!("server_error: server error: {}", reply.status),
        _ => format!("bad_response: bad response code {}", reply.status),
    };
    let explanation = serde_json::from_str::<Body>(&reply.body).map(|body| body.error).unwrap_or_default();
    if explanation.is_empty() { problem } else { format!("{problem}: {explanation}") }
}

fn samples(result_type: &str, result: &Value) -> Result<Samples, String> {
    let malformed = || format!("bad_response: the {result_type} cannot be read");
    let series = || result.as_array().ok_or_else(malformed);
    match result_type {
        "scalar" => number(Some(result)).map(Samples::One).ok_or_else(malformed),
        "vector" => {
            // A native histogram has no single value.
            if series()?.iter().any(|sample| sample.get("histogram").is_some()) {
                return Err("Prometheus metric type not supported".into());
            }
            series()?
                .iter()
                .map(|sample| number(sample.get("value")))
                .collect::<Option<_>>()
                .map(Samples::Many)
                .ok_or_else(malformed)
        }
        "matrix" => {
            let mut numbers = Vec::new();
            for one in series()? {
                let values = one.get("values").and_then(Value::as_array).ok_or_else(malformed)?;
                for value in values {
                    numbers.push(number(Some(value)).ok_or_else(malformed)?);
                }
            }
            Ok(Samples::Many(numbers))
        }
        _ => Err("Prometheus metric type not supported".into()),
    }
}

/// The number of a sample `[time, "value"]`; `NaN`, `+Inf` and `-Inf` are numbers too.
fn number(sample: Option<&Value>) -> Option<f64> {
    sample?.as_array()?.get(1)?.as_str()?.parse().ok()
}

fn number_text(number: f64) -> String {
    if number.is_infinite() { if number > 0.0 { "+Inf".into() } else { "-Inf".into() } } else { number.to_string() }
}

fn credentials(path: &str, authentication: &Authentication, arguments: &Arguments) -> Result<Credentials, Refusal> {
    // Empty blocks mean nothing: older controllers write all of them into every run.
    if authentication.oauth2.as_ref().is_some_and(|block| *block != OAuth2::default()) {
        return Err(Refusal::unsupported(format!("{path}.oauth2")));
    }
    if authentication.sigv4.as_ref().is_some_and(|block| *block != Sigv4::default()) {
        return Err(Refusal::unsupported(format!("{path}.sigv4")));
    }
    match &authentication.basic_auth {
        Some(basic) if *basic != BasicAuth::default() => Ok(Credentials::Basic {
            username: arguments.fill(basic.username.as_deref().unwrap_or_default())?,
            password: arguments.fill(basic.password.as_deref().unwrap_or_default())?,
        }),
        _ => Ok(Credentials::None),
    }
}

/// A scheme and a host: `http://prometheus:9090/prefix`.
fn is_url(address: &str) -> bool {
    address.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
            && rest.starts_with(|letter: char| !"/?#:".contains(letter))
            && !address.contains(|letter: char| letter.is_whitespace() || letter.is_control())
    })
}

#[cfg(test)]
mod tests;

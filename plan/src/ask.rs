//! Questions that a plan has for the shell, and the answers. An ask is a value: asking the same twice is one question.
//!
//! Secrets stay references here. The shell fills them in at the last moment and never prints them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// One key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub name: String,
    /// Key in its `data`.
    pub key: String,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}[{}]", self.namespace, self.name, self.key)
    }
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// As it stands.
    Literal(String),
    /// Filled in by the shell.
    Secret(SecretRef),
}

/// A text of which parts may come from Secrets. It prints with `*****` in their place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretText(pub Vec<Piece>);

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(vec![Piece::Literal(text.into())])
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => out.write_str(text),
            Piece::Secret(_) => out.write_str("*****"),
        })
    }
}

/// A request header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Header {
    /// Name.
    pub name: String,
    /// Value.
    pub value: SecretText,
}

/// How a metric request proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// User name.
        username: SecretText,
        /// Password.
        password: SecretText,
    },
}

/// A Prometheus instant query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricAsk {
    /// The metric's name in its AnalysisRun.
    pub metric: String,
    /// Which measurement of that metric, counted from 0: the same query later is another question.
    pub ordinal: u32,
    /// Base address of the server.
    pub address: SecretText,
    /// The PromQL expression.
    pub query: SecretText,
    /// The answer must be there within this many seconds.
    pub timeout_secs: u64,
    /// Request headers.
    pub headers: Vec<Header>,
    /// Authentication.
    pub credentials: Credentials,
    /// Accept any server certificate.
    pub insecure: bool,
}

/// A Git tree: the manifests below one path at one revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitAsk {
    /// Repository address.
    pub repository: String,
    /// Branch, tag or commit; empty is `HEAD`.
    pub revision: String,
    /// Folder in the repository; empty is its root.
    pub path: String,
    /// The folder is rendered with Kustomize where it has a kustomization, unless this is set.
    pub plain: bool,
    /// Read folders below `path` too.
    pub recurse: bool,
    /// Distinguishes a later look at a branch from an earlier one.
    pub round: u64,
}

/// Live objects, or what the API server would make of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveAsk {
    /// The objects of these references as they are now; the answer maps each found one to its JSON.
    Get(Vec<crate::ObjectRef>),
    /// Server-side apply as a dry run: the answer is the object that would result.
    DryRun(crate::ObjectRef, Value),
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// A metric's value.
    Metric(MetricAsk),
    /// A Git tree.
    Git(GitAsk),
    /// Live objects.
    Live(LiveAsk),
}

impl fmt::Display for Ask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric(ask) => {
                write!(out, "metric {} #{} at {}: {}", ask.metric, ask.ordinal, ask.address, ask.query)
            }
            Self::Git(ask) => write!(out, "git {}@{}:{}", ask.repository, ask.revision, ask.path),
            Self::Live(LiveAsk::Get(objects)) => write!(out, "{} live objects", objects.len()),
            Self::Live(LiveAsk::DryRun(object, _)) => write!(out, "dry run of {object}"),
        }
    }
}

/// What an HTTP server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// What a look into Git found.
#[derive(Clone, Debug, PartialEq)]
pub struct GitAnswer {
    /// The commit that the revision stands for.
    pub commit: String,
    /// Path and text of each manifest file (or the rendering, under the path of its kustomization), sorted by path.
    pub files: BTreeMap<String, String>,
    /// `Directory` or `Kustomize`.
    pub source_type: String,
}

/// The answer to an ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Ask::Metric`]; the error is a whole sentence.
    Metric(Result<HttpReply, String>),
    /// To [`Ask::Git`].
    Git(Result<GitAnswer, String>),
    /// To [`LiveAsk::Get`]: the objects that exist.
    Live(Result<Vec<Value>, String>),
    /// To [`LiveAsk::DryRun`].
    DryRun(Result<Value, String>),
}

/// An answer with its question and times.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The question.
    pub ask: Ask,
    /// The answer.
    pub answer: Answer,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// When the answer came.
    pub answered_at: DateTime<Utc>,
}

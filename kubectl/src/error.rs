//! What can go wrong in a command, each as one line for the person who typed it.

use std::{error::Error as Source, io};
use thiserror::Error;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The object is not there.
    #[error("{kind} \"{name}\" not found{}", within(.namespace.as_deref()))]
    NotFound {
        /// Plural and group, as in `rollouts.argoproj.io`.
        kind: String,
        /// Its name.
        name: String,
        /// Where it was looked for; absent for a kind without namespaces.
        namespace: Option<String>,
    },
    /// The server does not know the kind.
    #[error("the server does not know {kind}: are its CustomResourceDefinitions installed?")]
    UnknownKind {
        /// Plural and group.
        kind: String,
    },
    /// The server said no.
    #[error("{message}")]
    Refused {
        /// What it said.
        message: String,
        /// The status code.
        code: u16,
    },
    /// There was no answer, or one that makes no sense.
    #[error("no usable answer from the API server")]
    Unreachable(#[source] Box<kube::Error>),
    /// The object is not as it must be.
    #[error("{kind} \"{name}\" cannot be read")]
    Unreadable {
        /// Plural and group.
        kind: String,
        /// Its name.
        name: String,
        /// The field, and what is wrong with it.
        source: crds::FieldError,
    },
    /// A file is not there, or may not be read.
    #[error("{name}")]
    File {
        /// The file, as the person named it.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Files are not as they must be; each finding was printed.
    #[error("{0} found")]
    Findings(String),
    /// The flags and files that name a cluster do not.
    #[error("{what}")]
    Connection {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: Option<Box<dyn Source + Send + Sync>>,
    },
    /// The command cannot be carried out on this object, or with these arguments.
    #[error("{0}")]
    Usage(String),
    /// The Rollout is degraded.
    #[error("The rollout is in a degraded state with message: {0}")]
    Degraded(String),
    /// The time is up.
    #[error("Rollout status watch exceeded timeout")]
    TimedOut,
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

fn within(namespace: Option<&str>) -> String {
    namespace.map(|namespace| format!(" in namespace \"{namespace}\"")).unwrap_or_default()
}

impl Error {
    /// The error and what caused it, in one line.
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        if let Self::Unreachable(_) = self {
            // The outer layers only say that there was an error; the innermost says which.
            while let Some(inner) = cause.and_then(Source::source) {
                cause = Some(inner);
            }
        }
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat the text of the cause in their own.
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = error.source();
        }
        line.replace('\n', " ")
    }

    /// Whether the one who reads the output went away, as `head` does.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use std::io;

    #[test]
    fn one_line_names_the_cause() {
        let refused = io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused));
        let unreachable = Error::Unreachable(Box::new(kube::Error::Service(Box::new(refused))));
        assert_eq!(unreachable.line(), "no usable answer from the API server: connection refused");
        let what = "cannot use the kubeconfig".to_owned();
        let source: Box<dyn std::error::Error + Send + Sync> = "two\nlines".into();
        let connection = Error::Connection { what, source: Some(source) };
        assert_eq!(connection.line(), "cannot use the kubeconfig: two lines");
        assert!(Error::Output(io::ErrorKind::BrokenPipe.into()).is_closed_pipe());
    }
}

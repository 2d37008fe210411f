//! The controller as a process: started from the binary, read from its log, ended by a signal.

use super::Addresses;
use crate::{
    error::DemoError,
    manifests::{HOME, NAMESPACE, ROLLOUT},
};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

/// A controller that has not ended after this long is killed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Metrics are served on the port that is so far from the API server's, health on the next.
const PORT_OFFSET: u16 = 90;

/// A controller that runs until it is stopped; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    log: PathBuf,
    why: Arc<Mutex<String>>,
    _reading: JoinSet<()>,
}

impl Running {
    /// Starts `leadline controller` with this kubeconfig.
    pub(super) fn start(
        program: &Path,
        kubeconfig: &Path,
        addresses: &Addresses,
        folder: &Path,
    ) -> Result<Self, DemoError> {
        let api_port = addresses.api_server.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
        let port = api_port.map_or(0, |port| port.saturating_add(PORT_OFFSET));
        let health_port = if port == 0 { 0 } else { port.saturating_add(1) };
        let mut command = Command::new(program);
        command
            .args(["controller", "--applications", "--git-poll", "1s", "--logformat", "json", "--own-namespace", HOME])
            .args(["--bind-address", "127.0.0.1", "--metricsPort", &port.to_string()])
            .args(["--healthzPort", &health_port.to_string()])
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--git-cache")
            .arg(folder.join("cache"))
            .arg("--kubectl")
            .arg(&addresses.kubectl)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(DemoError::machine(program.display().to_string()))?;
        let log = addresses.state.join("log").join("leadline-controller.log");
        let file = std::fs::File::create(&log).map_err(DemoError::machine(log.display().to_string()))?;
        let why: Arc<Mutex<String>> = Arc::default();
        let mut reading = JoinSet::new();
        if let Some(lines) = child.stderr.take() {
            reading.spawn(read(lines, File::from_std(file), Arc::clone(&why)));
        }
        Ok(Self { child, log, why, _reading: reading })
    }

    /// Where its log is.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// What it last said that the story's Rollout waits for.
    pub(super) fn why(&self) -> String {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why it no longer runs, if so.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("{status}; its log is {}", self.log.display())),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), DemoError> {
        if let Some(id) = self.child.id() {
            super::run(Command::new("kill").args(["-TERM", &id.to_string()])).await?;
        }
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(DemoError::ControllerEnded(status.to_string())),
            Ok(Err(error)) => {
                Err(DemoError::Machine { what: "the controller cannot be waited for".into(), source: error })
            }
            Err(_) => {
                // Dropping it kills it.
                Err(DemoError::ControllerEnded(format!("not within {} s after SIGTERM", PATIENCE.as_secs())))
            }
        }
    }
}

/// Keeps the log, and the last words about the story's Rollout.
async fn read(lines: impl AsyncRead + Unpin, mut log: File, why: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(words) = words_of(&line) {
            *why.lock().unwrap_or_else(PoisonError::into_inner) = words;
        }
        let written = log.write_all(format!("{line}\n").as_bytes()).await;
        if let Err(error) = written {
            tracing::debug!(%error, "the log cannot be written");
        }
    }
}

/// What a log line says that the story's Rollout waits for; each sentence once.
fn words_of(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let says = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
    if says("message") != "waits" || says("key") != format!("Rollout {NAMESPACE}/{ROLLOUT}") {
        return None;
    }
    let mut sentences: Vec<&str> = Vec::new();
    for sentence in says("why").split("; ") {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    Some(sentences.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_the_log() {
        let line =
            r#"{"level":"INFO","message":"waits","key":"Rollout shop/web","why":"a is slow; a is slow; paused"}"#;
        assert_eq!(words_of(line).as_deref(), Some("a is slow; paused"));
        for line in
            [r#"{"message":"waits","key":"Rollout shop/other","why":"x"}"#, r#"{"message":"leading"}"#, "no JSON"]
        {
            assert_eq!(words_of(line), None, "{line}");
        }
    }
}

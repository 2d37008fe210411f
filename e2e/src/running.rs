//! `leadline controller` as a child process: started with a kubeconfig, killed like by a power cut, and gone at the end.
//!
//! Its log goes to a file that a failing test can show. Nothing is read from it otherwise.

use crate::{Stage, repository};
use anyhow::{Context, ensure};
use std::{
    env, fs,
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

/// How tests have it log: everything, to be read by a person.
const TALKATIVE: [&str; 4] = ["--logformat", "text", "--loglevel", "debug"];

/// Where a built program is.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    built("debug", name).context("`cargo build -p leadline -p kubectl` builds it")
}

/// Where a program is that is built for use.
pub fn release(name: &str) -> anyhow::Result<PathBuf> {
    built("release", name).context("`cargo build --release -p leadline` builds it")
}

fn built(profile: &str, name: &str) -> anyhow::Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let path = target.join(profile).join(name);
    ensure!(path.is_file(), "{} is not built", path.display());
    Ok(path)
}

/// A process that can be killed by somebody else.
#[derive(Clone, Debug)]
pub struct Victim(Arc<Mutex<Child>>);

impl Victim {
    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be dead already, which is as good.
        let _ = child.kill();
        let _ = child.wait();
    }

    fn is_alive(&self) -> bool {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }

    fn pid(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).id()
    }
}

/// A controller that runs until this is dropped.
#[derive(Debug)]
pub struct Controller {
    child: Victim,
    program: PathBuf,
    flags: Vec<String>,
    kubeconfig: PathBuf,
    log: PathBuf,
}

impl Controller {
    /// Starts it with these flags. Its files are kept in `folder`, under `name`.
    pub fn start(folder: &Path, name: &str, kubeconfig: &str, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_program(program("leadline")?, folder, name, kubeconfig, &[&TALKATIVE, flags].concat())
    }

    /// The same with another build of it, which logs as it does by itself.
    pub fn start_program(
        program: PathBuf,
        folder: &Path,
        name: &str,
        kubeconfig: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.kubeconfig"));
        fs::write(&path, kubeconfig)?;
        let log = folder.join(format!("{name}.log"));
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let child = spawn(&program, &path, &flags, &log)?;
        Ok(Self { child, program, flags, kubeconfig: path, log })
    }

    /// Starts it for one stage alone, without election unless `more` switches it on; on no port.
    pub fn on(stage: &Stage, name: &str, kubeconfig: &str, more: &[&str]) -> anyhow::Result<Self> {
        let election = if more.contains(&"--leader-elect") { &[][..] } else { &["--leader-elect=false"] };
        let alone = ["--namespaced", "--namespace", &stage.namespace, "--own-namespace", &stage.namespace];
        let flags = [&alone[..], &["--metricsPort", "0", "--healthzPort", "0"], election, more].concat();
        Self::start(stage.folder.path(), name, kubeconfig, &flags)
    }

    /// Starts it once more, after it died.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.child.kill();
        self.child = spawn(&self.program, &self.kubeconfig, &self.flags, &self.log)?;
        Ok(())
    }

    /// Who can be killed.
    pub fn victim(&self) -> Victim {
        self.child.clone()
    }

    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        self.child.is_alive()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// What it logged last.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.child.kill();
    }
}

fn spawn(program: &Path, kubeconfig: &Path, flags: &[String], log: &Path) -> anyhow::Result<Victim> {
    let file = OpenOptions::new().create(true).append(true).open(log).with_context(|| format!("{}", log.display()))?;
    let child = Command::new(program)
        .args(["controller", "--bind-address", "127.0.0.1", "--kubeconfig"])
        .arg(kubeconfig)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("leadline does not start")?;
    Ok(Victim(Arc::new(Mutex::new(child))))
}

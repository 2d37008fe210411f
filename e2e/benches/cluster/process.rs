//! A controller under measurement: its memory and processor time as the kernel counts them, and its own pages.
//!
//! Only looks. Asking for `/metrics` costs the controller something, so it is asked only where a figure needs it.

use anyhow::{Context, ensure};
use e2e::{running, running::Controller, wait::holds, wait_until};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How long the controller must have used no processor time to be at rest, and how little counts as none.
const QUIET: (Duration, u64) = (Duration::from_secs(3), 3);
/// How long processor time at rest is measured.
const REST: Duration = Duration::from_secs(30);
/// The longest that anything is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

/// A running release build.
pub(crate) struct Measured {
    controller: Controller,
    port: u16,
    /// When it was started.
    pub(crate) started: Instant,
}

/// Memory in MB (10⁶ bytes).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: f64,
    /// Resident, with what is shared with others counted in part.
    pub(crate) pss: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

impl Measured {
    /// Starts one that looks after one namespace.
    pub(crate) fn start(folder: &Path, kubeconfig: &str, namespace: &str) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let text = port.to_string();
        let flags = ["--namespaced", "--namespace", namespace, "--leader-elect=false"];
        let flags = [flags.as_slice(), &["--metricsPort", &text, "--healthzPort", &text]].concat();
        let program = running::release("leadline")?;
        let started = Instant::now();
        let controller = Controller::start_program(program, folder, "measured", kubeconfig, &flags)?;
        Ok(Self { controller, port, started })
    }

    /// Waits until it has read everything, and returns how long that took since it was started.
    pub(crate) async fn until_ready(&self) -> anyhow::Result<Duration> {
        loop {
            if self.page("/readyz").is_ok() {
                return Ok(self.started.elapsed());
            }
            ensure!(self.controller.is_alive(), "the controller ended\n{}", self.controller.log());
            ensure!(self.started.elapsed() < LIMIT, "never ready\n{}", self.controller.log());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until this many lines of `/metrics` begin like this and end like that.
    pub(crate) async fn until_counted(&self, begin: &str, end: &str, count: usize) -> anyhow::Result<()> {
        wait_until(begin, LIMIT, || async {
            let page = self.page("/metrics").map_err(|error| format!("{error:#}"))?;
            let seen = page.lines().filter(|line| line.starts_with(begin) && line.ends_with(end)).count();
            // The page is long: whoever asks for it all the time measures himself.
            sleep(Duration::from_millis(150)).await;
            holds(seen >= count, seen)
        })
        .await
    }

    /// Waits until it has nothing to do, and returns its memory.
    pub(crate) async fn at_rest(&self) -> anyhow::Result<Memory> {
        let since = Instant::now();
        loop {
            let before = self.ticks()?;
            sleep(QUIET.0).await;
            if self.ticks()? - before <= QUIET.1 {
                return self.memory();
            }
            ensure!(since.elapsed() < LIMIT, "never at rest\n{}", self.controller.log());
        }
    }

    /// The part of a core that it uses while nothing happens, in percent.
    pub(crate) async fn share_of_core(&self) -> anyhow::Result<f64> {
        let (since, before) = (Instant::now(), self.ticks()?);
        sleep(REST).await;
        Ok((self.ticks()? - before) as f64 / since.elapsed().as_secs_f64())
    }

    /// Its memory now.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = self.file("status")?;
        let rollup = self.file("smaps_rollup")?;
        let megabytes = |text: &str, name: &str| -> anyhow::Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| name.to_owned())?;
            let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
            Ok(kibibytes * 1024.0 / 1e6)
        };
        let (rss, peak) = (megabytes(&status, "VmRSS:")?, megabytes(&status, "VmHWM:")?);
        Ok(Memory { rss, pss: megabytes(&rollup, "Pss:")?, peak })
    }

    /// One of its pages.
    pub(crate) fn page(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("half an answer")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{path}: {body}");
        Ok(body.to_owned())
    }

    /// Processor time that it has used, in hundredths of a second.
    fn ticks(&self) -> anyhow::Result<u64> {
        let stat = self.file("stat")?;
        // The name before it may contain spaces; user and system time are the 12th and 13th field behind it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).context("a short stat");
        Ok(field(11)? + field(12)?)
    }

    fn file(&self, name: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{name}", self.controller.pid());
        fs::read_to_string(&path).with_context(|| format!("{path}\n{}", self.controller.log()))
    }
}

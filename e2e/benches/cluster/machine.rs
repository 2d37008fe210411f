//! What the figures were taken on: processor, memory, load, versions, and the binary.
//!
//! Reads `/proc`, so it knows Linux only. What cannot be read is left out.

use e2e::{Cluster, installed, repository, running};
use std::{fs, process::Command};

/// Three lines to stand above the figures.
pub(crate) fn describe(cluster: &Cluster) -> anyhow::Result<String> {
    let program = running::release("leadline")?;
    let size = fs::metadata(&program)?.len();
    let version = installed::output(Command::new(&program).arg("--version"), "")?;
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude", "*"]).current_dir(repository());
    let commit = installed::output(&mut git, "").unwrap_or_default();
    let server = installed::output(cluster.kubectl().args(["version", "-o", "json"]), "")?;
    let server: serde_json::Value = serde_json::from_str(&server)?;
    Ok(format!(
        "machine   {} × {}, {} GiB, {}, load {}\n\
         cluster   Kubernetes {} with etcd, controller manager, scheduler and kwok on the same machine\n\
         leadline  {} {}, release build, {:.1} MB",
        std::thread::available_parallelism()?,
        processor(),
        memory(),
        read("/proc/sys/kernel/osrelease").map_or_else(String::new, |release| format!("Linux {release}")),
        load(),
        server["serverVersion"]["gitVersion"].as_str().unwrap_or("?"),
        version.trim().trim_start_matches("leadline "),
        commit.trim(),
        size as f64 / 1e6,
    ))
}

/// The load of the last minute: figures of a busy machine say less.
pub(crate) fn load() -> String {
    read("/proc/loadavg").and_then(|text| Some(text.split(' ').next()?.to_owned())).unwrap_or_default()
}

fn processor() -> String {
    let text = read("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned())
}

fn memory() -> String {
    let text = read("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let kibibytes: f64 = total.and_then(|text| text.parse().ok()).unwrap_or_default();
    format!("{:.0}", kibibytes / 1024.0 / 1024.0)
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

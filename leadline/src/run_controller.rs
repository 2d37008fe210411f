//! Runs the controller against a real API server, with its health and metrics endpoints, until it is told to stop.
//!
//! SIGTERM and SIGINT end it in order: passes under way end, leases are given back. A lost lease ends it with an error.

use crate::controller_flags::ControllerFlags;
use anyhow::Context;
use controller::{
    Clock, Controller, Probe, Settings,
    ask::{
        Answerers, Secrets,
        git::{GitInProcess, GitSettings},
        metrics::MetricsOverHttp,
    },
};
use futures::{FutureExt, future::Shared};
use kube::{Config, config::KubeConfigOptions};
use std::{
    collections::BTreeSet,
    future::Future,
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Runs until a signal comes or the lease is lost.
pub(crate) fn run(flags: ControllerFlags) -> anyhow::Result<()> {
    flags.start_logging();
    // One thread drives everything, which keeps the memory small; blocking work has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(control(flags));
    // A Git transfer that is under way is not waited for.
    runtime.shutdown_background();
    ended
}

async fn control(flags: ControllerFlags) -> anyhow::Result<()> {
    let stop = stopped()?.boxed().shared();
    let config = kube_config(&flags).await?;
    let settings = flags.settings(&config.default_namespace, identity());
    info!(server = %config.cluster_url, version = env!("CARGO_PKG_VERSION"), "starting");
    flags.ignored.warn();
    let client = controller::limited_client(config, flags.limit()).context("no client for the API server")?;
    let secrets = Secrets::new(client.clone());
    let answerers = Answerers {
        metrics: Arc::new(MetricsOverHttp::new(secrets.clone()).context("no HTTP client for metrics")?),
        git: Arc::new(GitInProcess::new(git_settings(&settings), Some(secrets))),
    };
    let controller = Controller::new(client, Clock::wall(), settings, answerers);
    let probe = controller.probe();
    let mut serving = Box::pin(serve(&flags, &probe, &stop));
    tokio::select! {
        ended = controller.run(stop.clone()) => ended.context("this controller no longer leads"),
        failed = &mut serving => failed.context("health and metrics cannot be served"),
    }
}

/// How repositories are read; with Applications switched off nobody asks.
fn git_settings(settings: &Settings) -> GitSettings {
    let applications = settings.applications.clone();
    GitSettings {
        cache: applications.as_ref().map(|applications| applications.cache_folder.clone()).unwrap_or_default(),
        allow_file: applications.as_ref().is_some_and(|applications| applications.allow_file),
        kubectl: applications.map(|applications| applications.kubectl).unwrap_or_default(),
        namespace: settings.own_namespace.clone(),
    }
}

async fn kube_config(flags: &ControllerFlags) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: flags.context.clone(), ..KubeConfigOptions::default() };
    let config = match &flags.kubeconfig {
        Some(path) => {
            let file = kube::config::Kubeconfig::read_from(path).with_context(|| format!("{}", path.display()))?;
            Config::from_custom_kubeconfig(file, &options).await?
        }
        None if flags.context.is_some() => Config::from_kubeconfig(&options).await?,
        None => Config::infer().await.context("neither a kubeconfig nor a service account")?,
    };
    Ok(config)
}

/// Serves on the asked ports; never returns but with an error, also when nothing is served.
async fn serve(flags: &ControllerFlags, probe: &Probe, stop: &Shared<impl Future<Output = ()>>) -> std::io::Result<()> {
    // Both ports answer the same: equal numbers mean one listener.
    let ports: BTreeSet<u16> = [flags.metrics_port, flags.healthz_port].into_iter().filter(|port| *port != 0).collect();
    let servers = ports
        .into_iter()
        .map(|port| controller::http::serve(SocketAddr::new(flags.bind_address, port), probe.clone(), stop.clone()));
    futures::future::try_join_all(servers).await?;
    std::future::pending().await
}

/// Ready when the process is told to stop.
fn stopped() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("asked to stop");
    })
}

/// A name that no other process has: where it runs, which process, since when.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    let host = host.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let host = host.as_deref().map_or("leadline", str::trim);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos());
    format!("{host}_{}_{since:x}", std::process::id())
}

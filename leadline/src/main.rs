//! The `leadline` binary: reads arguments, puts the parts together, and turns how they end into an exit code.
//!
//! Nothing is decided here. Exit codes: 0 done, 1 it went wrong, 2 the arguments are wrong, 3 a simulated update waits.

mod controller_flags;
mod ignored_flags;
mod run_controller;
mod run_demo;
mod run_simulate;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Progressive delivery for Kubernetes: canaries that are judged by their metrics, synced from Git.
#[derive(Debug, Parser)]
#[command(name = "leadline", version, propagate_version = true, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look after the Rollouts, AnalysisRuns and Applications of a cluster.
    Controller(Box<controller_flags::ControllerFlags>),
    /// Play the story of five versions, in a world of its own or on a local cluster.
    Demo(run_demo::DemoFlags),
    /// Play an update of your own Rollout on virtual time, without a cluster.
    Simulate(run_simulate::SimulateFlags),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Every HTTPS client and Git transport takes the provider that is installed first.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
    let ended = match arguments.command {
        Command::Controller(flags) => run_controller::run(*flags).map(|()| ExitCode::SUCCESS),
        Command::Demo(flags) => run_demo::run(flags).map(|()| ExitCode::SUCCESS),
        Command::Simulate(flags) => run_simulate::run(flags),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("leadline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_the_demo_advertises_is_there() {
        for line in ["leadline demo --keep", "leadline simulate -f FILE"] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn unknown_arguments_are_refused() {
        for line in
            ["leadline", "leadline fly", "leadline controller --leader-elect maybe", "leadline demo --fast --cluster"]
        {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}

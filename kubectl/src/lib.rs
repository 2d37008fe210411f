//! The kubectl plugin: shows Rollouts, and steers them by the few fields that a person may write.
//!
//! It has no rules of its own: what it shows is the view that `rollouts` computes, and what a patch means the controller
//! decides. Commands work on any `kube::Client`, so they also run in process, without a socket.

pub mod arguments;
mod cluster;
pub mod commands;
mod connect;
mod dispatch;
mod error;
mod lint;
mod manifests;
mod screen;
mod seen;

pub use cluster::Cluster;
pub use dispatch::{run, run_on};
pub use error::Error;
pub use screen::Screen;

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
};

/// What both binaries do: runs the command line on the cluster that it names.
pub fn main() -> ExitCode {
    let (mut out, mut errors) = (io::stdout(), io::stderr());
    let is_terminal = out.is_terminal();
    let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env::var_os("TERM").is_some_and(|value| value == "dumb");
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("Error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut screen = Screen { out: &mut out, errors: &mut errors, is_terminal, with_colours: is_terminal && !is_plain };
    ExitCode::from(runtime.block_on(run(env::args_os(), &mut screen)))
}

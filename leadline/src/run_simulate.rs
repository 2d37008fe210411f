//! Plays a person's own files in the simulator and prints the story; its ending is the exit code.
//!
//! Files, folders and standard input are read here. Nothing is written but the story.

use anyhow::Context;
use clap::Args;
use sim::{
    simulate::{self, File, Given, Request, Unplayable},
    world::images::Readiness,
};
use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The files or the arguments are wrong.
const BAD_INPUT: u8 = 2;
/// The reader of the story went away, as `head` does.
const NO_READER: u8 = 1;
/// What a folder's manifests are called.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Flags of the simulator.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 promoted, 1 taken back or stuck, 2 wrong files or arguments, 3 waits for somebody."
)]
pub(crate) struct SimulateFlags {
    /// A file or a folder with the Rollout and what belongs to it; - is standard input. May be repeated.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Which Rollout, where the files hold several: NAME or NAMESPACE/NAME.
    #[arg(long, value_name = "NAME")]
    rollout: Option<String>,
    /// What a metric of the analysis measures, one value after the other; the last one repeats. A value is a number, NaN,
    /// [0.9,0.8] (several series), none (no series) or error (no answer). May be repeated.
    #[arg(long = "metric", value_name = "NAME=VALUE,…", allow_hyphen_values = true)]
    metrics: Vec<Given>,
    /// When pods of the new version are ready: 5s, 2m, never or crashes. Else after 2 seconds.
    #[arg(long, value_name = "TIME")]
    pods_ready_after: Option<Readiness>,
    /// Promote at every pause that only a person ends.
    #[arg(long)]
    promote: bool,
    /// What the parts log to standard error: error, warn, info, debug or trace.
    #[arg(long, default_value = "error", value_parser = ["error", "warn", "info", "debug", "trace"])]
    loglevel: String,
}

/// Plays.
pub(crate) fn run(flags: SimulateFlags) -> anyhow::Result<ExitCode> {
    controller::logging::start(&flags.loglevel, controller::logging::Format::Text);
    let files = match read(&flags.files) {
        Ok(files) => files,
        Err(error) => return Ok(refused(&error)),
    };
    let request = Request {
        files,
        rollout: flags.rollout,
        metrics: flags.metrics,
        readiness: flags.pods_ready_after,
        promotes: flags.promote,
    };
    let story = match simulate::play(&request) {
        Ok(story) => story,
        Err(Unplayable::Runtime(error)) => return Err(error).context("no runtime"),
        Err(unplayable) => return Ok(refused(&unplayable.into())),
    };
    let has_colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match story.print(&mut io::stdout().lock(), has_colours) {
        Ok(()) => Ok(ExitCode::from(story.ending().exit_code())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::from(NO_READER)),
        Err(error) => Err(error).context("the story could not be printed"),
    }
}

fn refused(error: &anyhow::Error) -> ExitCode {
    eprintln!("leadline: {error:#}");
    ExitCode::from(BAD_INPUT)
}

/// All files, those of a folder in the order of their names.
fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let text = io::read_to_string(io::stdin().lock()).context("standard input")?;
            files.push(File { name: "standard input".to_owned(), text });
        } else if path.is_dir() {
            for path in manifests(path).with_context(|| path.display().to_string())? {
                files.push(file(&path)?);
            }
        } else {
            files.push(file(path)?);
        }
    }
    Ok(files)
}

fn file(path: &Path) -> anyhow::Result<File> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| name.clone())?;
    Ok(File { name, text })
}

fn manifests(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|found| EXTENSIONS.iter().any(|one| found == *one));
    let mut found: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_file() && is_manifest(path)).collect();
    found.sort();
    Ok(found)
}

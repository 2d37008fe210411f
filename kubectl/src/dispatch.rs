//! From a command line to a command, and from its outcome to an exit code: 0 for success, 1 for everything else.

use crate::{
    Cluster, Error, Screen,
    arguments::{
        Arguments, Command, Create, EXPERIMENTS, Explain, FromTemplate, Get, List, ROLLOUTS, RUNS, Retry, Set, Showing,
        Terminate, definition,
    },
    commands::{self, Columns, Look, NewRun, Promotion, Wait},
    connect,
    seen::Subject,
};
use clap::FromArgMatches;
use std::{ffi::OsString, path::Path, time::Duration};

/// Runs a command line, whose first word is the name of the program, and returns the exit code.
pub async fn run(arguments: impl IntoIterator<Item = OsString>, screen: &mut Screen<'_>) -> u8 {
    start(arguments.into_iter().collect(), None, screen).await
}

/// The same on a cluster that is known already: of the flags that name one, only the namespace counts.
pub async fn run_on(cluster: &Cluster, arguments: impl IntoIterator<Item = OsString>, screen: &mut Screen<'_>) -> u8 {
    start(arguments.into_iter().collect(), Some(cluster), screen).await
}

async fn start(words: Vec<OsString>, cluster: Option<&Cluster>, screen: &mut Screen<'_>) -> u8 {
    let program = program(words.first());
    let parsed = definition().bin_name(typed(&program)).try_get_matches_from(apart(words));
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(usage) => return explain(&usage, screen),
    };
    match carry_out(arguments, cluster, &program, screen).await {
        Ok(()) => 0,
        Err(error) if error.is_closed_pipe() => 0,
        Err(error) => {
            screen.warn(&format!("Error: {}", error.line()));
            1
        }
    }
}

fn program(word: Option<&OsString>) -> String {
    let name = word.and_then(|word| Path::new(word).file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    name.filter(|name| name.starts_with("kubectl-")).unwrap_or_else(|| "kubectl-leadline".into())
}

/// `kubectl argo rollouts get`, not `kubectl-argo-rollouts get`, is what a person types.
fn typed(program: &str) -> String {
    program.replace('-', " ")
}

/// The words, with a kind apart from its name where kubectl takes them as one: `get rollout/shop`.
fn apart(mut words: Vec<OsString>) -> Vec<OsString> {
    const VERBS: [&str; 4] = ["get", "retry", "terminate", "explain"];
    let kinds = || ROLLOUTS.iter().chain(&EXPERIMENTS).chain(&RUNS);
    let Some(verb) = words.iter().position(|word| VERBS.iter().any(|verb| word == verb)) else { return words };
    let is_kind = |word: &OsString| kinds().any(|kind| word == kind);
    let split = |word: &OsString| {
        let (kind, name) = word.to_str()?.split_once('/')?;
        kinds().any(|known| *known == kind).then(|| [OsString::from(kind), OsString::from(name)])
    };
    let found = words.iter().enumerate().skip(verb + 1).take_while(|(_, word)| !is_kind(word));
    let found = found.filter_map(|(at, word)| Some((at, split(word)?))).next();
    if let Some((at, pair)) = found {
        words.splice(at..=at, pair);
    }
    words
}

/// Help is an answer; anything else that does not parse is an error.
fn explain(usage: &clap::Error, screen: &mut Screen<'_>) -> u8 {
    let text = usage.render();
    let text = if screen.with_colours { text.ansi().to_string() } else { text.to_string() };
    if usage.use_stderr() {
        screen.warn(text.trim_end());
        return 1;
    }
    u8::from(screen.print(&text).is_err())
}

async fn carry_out(
    arguments: Arguments,
    cluster: Option<&Cluster>,
    program: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Error> {
    let Arguments { connection, command } = arguments;
    match command {
        Command::Version { short } => screen.say(&commands::version(program, short)),
        Command::Completion { shell } => screen.print(&String::from_utf8_lossy(&commands::completion(program, shell))),
        Command::Lint { files } => commands::lint(&files, screen),
        command => {
            let cluster = match (cluster, connection.namespace()) {
                (None, _) => connect::connect(&connection).await?,
                (Some(cluster), None) => cluster.clone(),
                (Some(cluster), Some(namespace)) => cluster.within(namespace),
            };
            match command {
                Command::Explain(Explain::Rollout { name, no_color }) => {
                    screen.with_colours &= !no_color;
                    commands::explain(&cluster, &name, &typed(program), screen).await
                }
                Command::Create(wanted) => create(&cluster, wanted, screen).await,
                command => on(&cluster, command, screen).await,
            }
        }
    }
}

/// The commands that need a cluster.
async fn on(cluster: &Cluster, command: Command, screen: &mut Screen<'_>) -> Result<(), Error> {
    match command {
        Command::Get(get) => {
            let (subject, name, showing) = match get {
                Get::Rollout { name, showing } => (Subject::Rollout, name, showing),
                Get::Experiment { name, showing } => (Subject::Experiment, name, showing),
            };
            let Showing { watch, no_color, timeout_seconds } = showing;
            let look = Look { watch, no_color, limit: limit(Duration::from_secs(timeout_seconds)) };
            commands::get(cluster, subject, &name, look, screen).await
        }
        Command::List(List::Rollouts { name, all_namespaces, watch, timestamps }) => {
            commands::list(cluster, &Columns { name, all_namespaces, watch, timestamps }, screen).await
        }
        Command::List(List::Experiments { all_namespaces }) => {
            commands::list_experiments(cluster, all_namespaces, screen).await
        }
        Command::Promote { name, full, skip_current_step, skip_all_steps } => {
            let promotion = promotion(full, skip_current_step, skip_all_steps, screen)?;
            screen.say(&commands::promote(cluster, &name, promotion).await?)
        }
        Command::Abort { names } => each(cluster, &names, screen, commands::abort).await,
        Command::Retry(Retry::Rollout { names }) => each(cluster, &names, screen, commands::retry).await,
        Command::Retry(Retry::Experiment { names }) => each(cluster, &names, screen, commands::retry_experiment).await,
        Command::Terminate(Terminate::AnalysisRun { names }) => {
            each(cluster, &names, screen, commands::terminate_run).await
        }
        Command::Terminate(Terminate::Experiment { names }) => {
            each(cluster, &names, screen, commands::terminate_experiment).await
        }
        Command::Restart { name, wait } => screen.say(&commands::restart(cluster, &name, wait).await?),
        Command::Pause { names } => each(cluster, &names, screen, commands::pause).await,
        Command::Undo { name, to_revision } => screen.say(&commands::undo(cluster, &name, to_revision).await?),
        Command::Set(Set::Image { name, images }) => screen.say(&commands::set_image(cluster, &name, &images).await?),
        Command::Status { name, watch, timeout } => {
            commands::status(cluster, &name, Wait { watch, limit: limit(timeout) }, screen).await
        }
        // Handled before.
        Command::Version { .. } | Command::Completion { .. } | Command::Lint { .. } => Ok(()),
        Command::Explain(_) | Command::Create(_) => Ok(()),
    }
}

async fn create(cluster: &Cluster, wanted: Create, screen: &mut Screen<'_>) -> Result<(), Error> {
    let Create { files, watch, no_color, from_template } = wanted;
    match from_template {
        None => commands::create(cluster, &files, Look { watch, no_color, limit: None }, screen).await,
        Some(FromTemplate::AnalysisRun { name, generate_name, instance_id, arguments, from, from_file, global }) => {
            let run = NewRun { name, generate_name, instance_id, arguments, from, from_file, global };
            commands::create_run(cluster, &run, screen).await
        }
    }
}

/// Does the same to each, and says so.
async fn each(
    cluster: &Cluster,
    names: &[String],
    screen: &mut Screen<'_>,
    act: impl AsyncFn(&Cluster, &str) -> Result<String, Error>,
) -> Result<(), Error> {
    for name in names {
        screen.say(&act(cluster, name).await?)?;
    }
    Ok(())
}

fn limit(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

fn promotion(full: bool, current: bool, all: bool, screen: &mut Screen<'_>) -> Result<Promotion, Error> {
    let deprecated = |flag: &str, advice: &str| format!("Flag --{flag} has been deprecated, {advice}");
    match (full, current, all) {
        (_, true, true) => {
            Err(Error::Usage("Cannot use skip-current-step and skip-all-steps flags at the same time".into()))
        }
        (_, true, _) => {
            let advice = "use without the flag instead ex: promote ROLLOUT_NAME";
            screen.warn(&deprecated("skip-current-step", advice));
            Ok(Promotion::SkipCurrentStep)
        }
        (_, _, true) => {
            screen.warn(&deprecated("skip-all-steps", "use --full instead"));
            Ok(Promotion::SkipAllSteps)
        }
        (true, ..) => Ok(Promotion::Full),
        (false, ..) => Ok(Promotion::Next),
    }
}

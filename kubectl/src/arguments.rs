//! The command line: names, flags and their help. What they do is in `commands`; how a cluster is found, in `connect`.

mod names;

use chrono::TimeDelta;
use clap::{
    Arg, ArgAction, ArgGroup, Args, Command as Definition, CommandFactory, Parser, Subcommand, ValueEnum,
    builder::BoolishValueParser,
};
pub(crate) use names::{EXPERIMENTS, ROLLOUTS, RUNS};
use names::{name, name_of, namespace};
use std::{path::PathBuf, time::Duration};

/// Shows Rollouts and steers them.
#[derive(Debug, Parser)]
#[command(name = "kubectl-leadline", disable_help_subcommand = true, max_term_width = 110)]
pub struct Arguments {
    /// How to reach the cluster.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How to reach the cluster: the flags that kubectl has.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// Namespace to act in
    #[arg(short, long, global = true, value_name = "NAME", value_parser = namespace)]
    pub namespace: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token to send
    #[arg(long, global = true, value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER")]
    pub act_as: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub act_as_groups: Vec<String>,
    /// Uid to act as
    #[arg(long = "as-uid", global = true, value_name = "UID")]
    pub act_as_uid: Option<String>,
    /// How long to wait for the answer to one request, such as 5s; 0 waits for ever
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, default_value = "0")]
    pub request_timeout: Duration,
    /// Do not check who the server is
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
    /// File with the certificates of those who may vouch for the server
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// File with the certificate to show to the server
    #[arg(long, global = true, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// File with the key of that certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Name that the server's certificate must have, if not that of its address
    #[arg(long, global = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Ask for answers that are not compressed
    #[arg(long, global = true)]
    pub disable_compression: bool,
    /// Accepted for scripts; nothing is cached
    #[arg(long, global = true, value_name = "FOLDER", hide = true)]
    pub cache_dir: Option<PathBuf>,
    /// Accepted for scripts; there is no log
    #[arg(short = 'v', long, global = true, value_name = "LEVEL", hide = true)]
    pub kloglevel: Option<i32>,
    /// Accepted for scripts; there is no log
    #[arg(long, global = true, value_name = "LEVEL", hide = true)]
    pub loglevel: Option<String>,
}

impl Connection {
    /// The namespace to act in, where one is given. An empty one is none, as scripts with an unset variable rely on.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty())
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a rollout or an experiment with everything that belongs to it
    #[command(subcommand)]
    Get(Get),
    /// Say why a rollout does not move, what happens next and what you can do
    #[command(subcommand)]
    Explain(Explain),
    /// List rollouts or experiments
    #[command(subcommand)]
    List(List),
    /// Create objects from files, or an analysis run from a template
    Create(Create),
    /// Check files, without a cluster: unknown fields, values, and what the files say of each other
    Lint {
        /// File, folder, or - for standard input; may be repeated
        #[arg(short, long = "filename", required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Let an update go on: past its pause, or, if nothing holds it, past its current step
    Promote {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        /// Go to the end at once, without the rest of the steps, pauses and analyses
        #[arg(long)]
        full: bool,
        /// Use without the flag instead
        #[arg(short = 'c', long, hide = true, conflicts_with = "full")]
        skip_current_step: bool,
        /// Use --full instead
        #[arg(short = 'a', long, hide = true, conflicts_with = "full")]
        skip_all_steps: bool,
    },
    /// Take an update back
    Abort {
        /// The rollouts
        #[arg(required = true, value_name = "NAME", value_parser = name)]
        names: Vec<String>,
    },
    /// Try an aborted update or an experiment again
    #[command(subcommand)]
    Retry(Retry),
    /// End an analysis run or an experiment early
    #[command(subcommand)]
    Terminate(Terminate),
    /// Go back to an earlier revision
    Undo {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        /// The revision; 0 is the one before the newest
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        to_revision: u64,
    },
    /// Replace all pods, a few at a time
    Restart {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        /// How long from now
        #[arg(short = 'i', long = "in", value_name = "DURATION", default_value = "0s", value_parser = duration)]
        wait: Duration,
    },
    /// Hold a rollout where it is, until it is promoted
    Pause {
        /// The rollouts
        #[arg(required = true, value_name = "NAME", value_parser = name)]
        names: Vec<String>,
    },
    /// Change a rollout
    #[command(subcommand)]
    Set(Set),
    /// Wait until a rollout is healthy, or fail when it is degraded
    Status {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        /// Wait for the end; --watch=false looks once
        #[arg(short, long, default_value = "true")]
        watch: bool,
        /// How long to wait, such as 60s; 0 waits for ever
        #[arg(short, long, value_name = "DURATION", value_parser = duration, default_value = "0")]
        timeout: Duration,
    },
    /// Print the version of the plugin
    Version {
        /// Only the number
        #[arg(long)]
        short: bool,
    },
    /// Print a script that teaches a shell these commands
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum Get {
    /// Show a rollout with its revisions, pods and analysis runs
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        #[command(flatten)]
        showing: Showing,
    },
    /// Show an experiment with its pods and analysis runs
    #[command(visible_aliases = ["exp", "experiments"])]
    Experiment {
        /// The experiment
        #[arg(value_parser = name_of(&EXPERIMENTS))]
        name: String,
        #[command(flatten)]
        showing: Showing,
    },
}

// A doc comment here would become the help text of the commands.
#[allow(missing_docs, reason = "clap would print it")]
#[derive(Debug, Args)]
pub struct Showing {
    /// Go on showing it while it changes
    #[arg(short, long)]
    pub watch: bool,
    /// Without colours
    #[arg(long)]
    pub no_color: bool,
    /// Stop watching after so many seconds; 0 goes on for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub timeout_seconds: u64,
}

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum Explain {
    /// The whole chain, from the rollout down to a pod's own reason
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        /// Without colours
        #[arg(long)]
        no_color: bool,
    },
}

/// What to create.
#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
pub struct Create {
    /// File, folder, or - for standard input; may be repeated
    #[arg(short, long = "filename", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Show the rollout or experiment while it changes
    #[arg(short, long)]
    pub watch: bool,
    /// Without colours
    #[arg(long)]
    pub no_color: bool,
    /// What else can be created.
    #[command(subcommand)]
    pub from_template: Option<FromTemplate>,
}

/// What is created from a template.
#[derive(Debug, Subcommand)]
pub enum FromTemplate {
    /// Create a run of an analysis template
    #[command(name = "analysisrun", visible_aliases = ["ar", "analysisruns"])]
    #[command(group = ArgGroup::new("template").required(true).args(["from", "from_file"]))]
    AnalysisRun {
        /// Name of the run
        #[arg(long, value_parser = name_of(&RUNS))]
        name: Option<String>,
        /// Start of its name, of which the server makes a name; that of the template when neither is given
        #[arg(long, value_name = "PREFIX")]
        generate_name: Option<String>,
        /// Instance id of the controller that is to look after it
        #[arg(long, value_name = "ID")]
        instance_id: Option<String>,
        /// Value of an argument; may be repeated
        #[arg(short, long = "argument", value_name = "NAME=VALUE", value_parser = argument)]
        arguments: Vec<(String, String)>,
        /// Template in the cluster
        #[arg(long, value_name = "TEMPLATE", value_parser = name_of(&[]))]
        from: Option<String>,
        /// File with the template
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
        /// --from names a ClusterAnalysisTemplate
        #[arg(long)]
        global: bool,
    },
}

/// What to list.
#[derive(Debug, Subcommand)]
pub enum List {
    /// List rollouts
    #[command(visible_aliases = ["ro", "rollout"])]
    Rollouts {
        /// Only the one with this name
        #[arg(long, value_parser = name)]
        name: Option<String>,
        /// Those of all namespaces
        #[arg(short = 'A', long)]
        all_namespaces: bool,
        /// Go on with a line for each change
        #[arg(short, long)]
        watch: bool,
        /// Say when each line was printed
        #[arg(long)]
        timestamps: bool,
    },
    /// List experiments
    #[command(visible_aliases = ["exp", "experiment"])]
    Experiments {
        /// Those of all namespaces
        #[arg(short = 'A', long)]
        all_namespaces: bool,
    },
}

/// What to try again.
#[derive(Debug, Subcommand)]
pub enum Retry {
    /// Try an aborted update again, from its first step
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout {
        /// The rollouts
        #[arg(required = true, value_name = "NAME", value_parser = name)]
        names: Vec<String>,
    },
    /// Run an experiment once more, from its beginning
    #[command(visible_aliases = ["exp", "experiments"])]
    Experiment {
        /// The experiments
        #[arg(required = true, value_name = "NAME", value_parser = name_of(&EXPERIMENTS))]
        names: Vec<String>,
    },
}

/// What to end early.
#[derive(Debug, Subcommand)]
pub enum Terminate {
    /// End analysis runs; what they found so far decides
    #[command(name = "analysisrun", visible_aliases = ["ar", "analysisruns"])]
    AnalysisRun {
        /// The analysis runs
        #[arg(required = true, value_name = "NAME", value_parser = name_of(&RUNS))]
        names: Vec<String>,
    },
    /// End experiments; what their analyses found so far decides
    #[command(visible_aliases = ["exp", "experiments"])]
    Experiment {
        /// The experiments
        #[arg(required = true, value_name = "NAME", value_parser = name_of(&EXPERIMENTS))]
        names: Vec<String>,
    },
}

/// What to change.
#[derive(Debug, Subcommand)]
pub enum Set {
    /// Give containers another image
    Image {
        /// The rollout
        #[arg(value_parser = name)]
        name: String,
        /// Container and image; * names all containers
        #[arg(required = true, value_name = "CONTAINER=IMAGE", value_parser = assignment)]
        images: Vec<(String, String)>,
    },
}

/// A shell that completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
    /// PowerShell.
    Powershell,
}

/// The command line as it is parsed: whoever writes `--watch=false`, as kubectl lets them, means it.
pub fn definition() -> Definition {
    with_answers(Arguments::command())
}

fn with_answers(command: Definition) -> Definition {
    let with_answer = |switch: Arg| match switch.get_action() {
        ArgAction::SetTrue => {
            let is_on = switch.get_default_values().iter().any(|value| value == "true");
            let parser = BoolishValueParser::new();
            let switch = switch.action(ArgAction::Set).num_args(0..=1).require_equals(true).value_parser(parser);
            let default = if is_on { "true" } else { "false" };
            let switch = switch.default_value(default).default_missing_value("true").value_name("BOOL");
            switch.hide_default_value(true).hide_possible_values(true)
        }
        _ => switch,
    };
    command.mut_args(with_answer).mut_subcommands(with_answers)
}

/// A duration with its unit, as kubectl takes it, or a plain number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let span = match text.parse::<u32>() {
        Ok(seconds) => Some(TimeDelta::seconds(seconds.into())),
        Err(_) => crds::duration::parse_go(text),
    };
    span.and_then(|span| span.to_std().ok()).ok_or_else(|| "not a duration such as 90s, 5m or 1h30m".into())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => {
            Ok((container.to_owned(), image.to_owned()))
        }
        _ => Err("not of the form CONTAINER=IMAGE".into()),
    }
}

/// The value of an argument, which may be empty.
fn argument(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("arguments must be in the form NAME=VALUE".into()),
    }
}

#[cfg(test)]
mod tests;

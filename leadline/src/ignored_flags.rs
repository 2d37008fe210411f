//! Flags that are known from elsewhere and change nothing here: they are taken, so that a Deployment's arguments can stay, and the
//! log says once, for each that is given, why it has no effect.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, parser::ValueSource};
use tracing::warn;

const THREADS: &str = "all kinds share --rollout-threads";

/// A flag, and why it changes nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ignored {
    pub(crate) name: &'static str,
    why: &'static str,
    /// It is a switch, whose value may be left out.
    is_switch: bool,
}

const fn value(name: &'static str, why: &'static str) -> Ignored {
    Ignored { name, why, is_switch: false }
}

const fn switch(name: &'static str, why: &'static str) -> Ignored {
    Ignored { name, why, is_switch: true }
}

const IGNORED: [Ignored; 19] = [
    value("experiment-threads", THREADS),
    value("analysis-threads", THREADS),
    value("service-threads", THREADS),
    value("ingress-threads", THREADS),
    value("ephemeral-metadata-threads", THREADS),
    value("ephemeral-metadata-update-pod-retries", "a pod that was not written is looked at again"),
    value("kloglevel", "see --loglevel"),
    value("traefik-api-group", "it is part of --traefik-api-version"),
    value("ingress-api-version", "Ingresses are read as networking.k8s.io/v1"),
    value("appmesh-crd-version", "App Mesh's kinds are read as v1beta2"),
    value("alb-ingress-classes", "an Ingress is watched because a Rollout names it"),
    value("nginx-ingress-classes", "an Ingress is watched because a Rollout names it"),
    switch("aws-verify-target-group", "target groups are not asked about"),
    switch("alb-verify-weight", "target groups are not asked about"),
    value("aws-target-group-binding-api-version", "target groups are not asked about"),
    value("alb-tag-key-resource-id", "target groups are not asked about"),
    switch("self-service-notification-enabled", "there are no notifications"),
    value("controllers", "one process looks after all kinds"),
    value("enable-pprof-address", "there is no such profile"),
];

/// Those that were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct IgnoredFlags(Vec<Ignored>);

impl IgnoredFlags {
    /// Those that were given.
    #[cfg(test)]
    pub(crate) fn given(&self) -> impl Iterator<Item = &Ignored> {
        self.0.iter()
    }

    /// Says of each that it has no effect.
    pub(crate) fn warn(&self) {
        for Ignored { name, why, .. } in &self.0 {
            warn!("--{name} has no effect: {why}");
        }
    }
}

impl Args for IgnoredFlags {
    fn augment_args(command: Command) -> Command {
        IGNORED.iter().fold(command, |command, flag| {
            let argument = Arg::new(flag.name).long(flag.name).action(ArgAction::Append).value_name("VALUE");
            let argument = argument.help(format!("no effect: {}", flag.why)).help_heading("Accepted, without effect");
            command.arg(if flag.is_switch {
                argument.num_args(0..=1).require_equals(true).default_missing_value("true")
            } else {
                argument
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for IgnoredFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let is_given = |flag: &&Ignored| matches.value_source(flag.name) == Some(ValueSource::CommandLine);
        Ok(Self(IGNORED.iter().filter(is_given).copied().collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

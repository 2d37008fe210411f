//! Names on the command line: alone, or with a word for the kind in front, as kubectl takes them (`rollout/shop`).

/// Words for a Rollout.
pub const ROLLOUTS: [&str; 4] = ["rollout", "rollouts", "ro", "rollouts.argoproj.io"];
/// Words for an Experiment.
pub const EXPERIMENTS: [&str; 4] = ["experiment", "experiments", "exp", "experiments.argoproj.io"];
/// Words for an AnalysisRun.
pub const RUNS: [&str; 4] = ["analysisrun", "analysisruns", "ar", "analysisruns.argoproj.io"];

/// The name of a Rollout.
pub(super) fn name(text: &str) -> Result<String, String> {
    plain_name(text, &ROLLOUTS)
}

/// The name of an object of the kind that these words stand for.
pub(super) fn name_of(kinds: &'static [&'static str]) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| plain_name(text, kinds)
}

/// A name as it stands in the path of a request: what would lead elsewhere is none.
fn plain_name(text: &str, kinds: &[&str]) -> Result<String, String> {
    let leads_elsewhere = |letter: char| "/%?#".contains(letter) || letter.is_whitespace() || letter.is_control();
    let text = match text.split_once('/') {
        Some((kind, name)) if kinds.contains(&kind) => name,
        _ => text,
    };
    match text {
        "" | "." | ".." => Err("not the name of an object".into()),
        _ if text.contains('/') => {
            Err("not the name of an object: only a word for its kind may stand before it".into())
        }
        _ if text.contains(leads_elsewhere) => Err("not the name of an object".into()),
        _ => Ok(text.to_owned()),
    }
}

/// The name of a namespace; an empty one is none.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { plain_name(text, &[]) }
}

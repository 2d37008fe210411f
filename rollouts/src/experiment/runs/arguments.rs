//! Values for the arguments of an Experiment's analyses: a text in which `{{…}}` stands for what is only known once the pods
//! are there.

use crate::experiment::look::Look;
use crds::{Time, analysis::Argument, keys};

/// The arguments with their values. The error names the first tag that stands for nothing.
pub fn resolved(look: Look<'_>, given: &[Argument]) -> Result<Vec<Argument>, String> {
    given
        .iter()
        .map(|argument| {
            let value = argument.value.as_ref().map(|text| filled_in(text, |tag| value_of(look, tag))).transpose()?;
            Ok(Argument { value, ..argument.clone() })
        })
        .collect()
}

/// The text with every tag replaced. What is opened and never closed stands as it is.
fn filled_in(text: &str, value_of: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, tag, after)) = rest.split_once("{{").and_then(|(before, opened)| {
        let (tag, after) = opened.split_once("}}")?;
        Some((before, tag, after))
    }) {
        filled.push_str(before);
        filled.push_str(&value_of(tag.trim()).ok_or_else(|| format!("failed to resolve {{{{{tag}}}}}"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value_of(look: Look<'_>, tag: &str) -> Option<String> {
    match tag {
        "experiment.availableAt" => return look.status().available_at.map(|time| time.to_string()),
        "experiment.finishedAt" => return look.ends_at().map(|end| Time::from(end).to_string()),
        _ => {}
    }
    let (name, field) = tag.strip_prefix("templates.")?.split_once('.')?;
    let template = look.spec.templates.iter().find(|template| template.name == name)?;
    let set = look.set_of(template)?;
    match field {
        "podTemplateHash" => set.metadata.label(keys::POD_TEMPLATE_HASH).map(str::to_owned),
        "replicaset.name" => Some(set.metadata.name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_replaced_and_unknown_ones_are_named() {
        let value = |tag: &str| (tag == "a").then(|| "1".to_owned());
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("{{a}}", Ok("1")),
            ("x {{ a }}y{{a}}", Ok("x 1y1")),
            ("{{b}}", Err("failed to resolve {{b}}")),
            ("{{a", Ok("{{a")),
            ("a}}", Ok("a}}")),
        ] {
            assert_eq!(filled_in(text, value), expected.map(Into::into).map_err(Into::into), "{text}");
        }
    }
}

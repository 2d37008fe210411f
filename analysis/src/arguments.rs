//! Arguments of a run: fills `{{args.NAME}}` into the texts of its metrics.
//!
//! A value from a Secret stays a reference here ([`plan::SecretText`]); the shell fills it in when it asks. Every
//! argument needs a value, whether a metric uses it or not. This never reads a Secret and never decides where a
//! secret may stand: that is for the one who fills a field.

use crds::analysis::Argument;
use plan::{Piece, SecretRef, SecretText};
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why the arguments do not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ArgumentError {
    /// An argument has neither a value nor a Secret that it comes from.
    #[error("argument \"{0}\" was not supplied")]
    NotSupplied(String),
    /// A text names something that no argument is called.
    #[error("failed to resolve {{{{{0}}}}}")]
    Unresolved(String),
}

/// The arguments of one run, each with its value or the Secret that holds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments(BTreeMap<String, Piece>);

impl Arguments {
    /// Reads the arguments of a run in `namespace`, where its Secrets are too.
    pub(crate) fn parse(arguments: &[Argument], namespace: &str) -> Result<Self, ArgumentError> {
        let mut pieces = BTreeMap::new();
        for argument in arguments {
            let secret = argument.value_from.as_ref().and_then(|source| source.secret_key_ref.as_ref());
            let piece = match (secret, &argument.value) {
                (Some(secret), _) => Piece::Secret(SecretRef {
                    namespace: namespace.into(),
                    name: secret.name.clone(),
                    key: secret.key.clone(),
                }),
                (None, Some(value)) => Piece::Literal(value.clone()),
                (None, None) => return Err(ArgumentError::NotSupplied(argument.name.clone())),
            };
            pieces.insert(format!("args.{}", argument.name), piece);
        }
        Ok(Self(pieces))
    }

    /// Looks through every text of a metric, whatever reads it later: a name that nothing is called stops the run.
    pub(crate) fn check(&self, value: &Value) -> Result<(), ArgumentError> {
        match value {
            Value::String(text) => self.fill(text).map(drop),
            Value::Array(items) => items.iter().try_for_each(|item| self.check(item)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.check(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    /// The text with every `{{args.NAME}}` replaced. Whitespace inside the braces does not count.
    pub(crate) fn fill(&self, text: &str) -> Result<SecretText, ArgumentError> {
        let mut filled = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let unresolved = |tag: &str| ArgumentError::Unresolved(tag.into());
            let (tag, behind) = after.split_once("}}").ok_or_else(|| unresolved(after))?;
            let piece = self.0.get(tag.trim()).ok_or_else(|| unresolved(tag))?;
            push(&mut filled, Piece::Literal(before.into()));
            push(&mut filled, piece.clone());
            rest = behind;
        }
        push(&mut filled, Piece::Literal(rest.into()));
        Ok(SecretText(filled))
    }
}

/// The text when no part of it comes from a Secret.
pub(crate) fn without_secrets(text: &SecretText) -> Option<String> {
    text.0
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => Some(literal.as_str()),
            Piece::Secret(_) => None,
        })
        .collect()
}

/// Neighbouring literals become one, so that equal texts are equal values and equal questions.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (_, Piece::Literal(literal)) if literal.is_empty() => {}
        (Some(Piece::Literal(before)), Piece::Literal(literal)) => before.push_str(&literal),
        (_, piece) => pieces.push(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(list: serde_json::Value) -> Result<Arguments, ArgumentError> {
        let list: Vec<Argument> = serde_json::from_value(list).expect("arguments read");
        Arguments::parse(&list, "shop")
    }

    #[test]
    fn texts_are_filled() {
        let arguments = arguments(json!([
            {"name": "service", "value": "shop-canary"},
            {"name": "quoted", "value": "a \"b\"\n{{args.service}}"},
            {"name": "empty", "value": ""},
            {"name": "token", "valueFrom": {"secretKeyRef": {"name": "prometheus", "key": "bearer"}}},
        ]))
        .expect("all have values");
        for (text, expected) in [
            ("", Ok("")),
            ("up", Ok("up")),
            ("sum(rate({{args.service}}[1m]))", Ok("sum(rate(shop-canary[1m]))")),
            ("{{ args.service }}-{{args.service\t}}", Ok("shop-canary-shop-canary")),
            // A value is put in as it is: braces inside it are not looked at again.
            ("{{args.quoted}}", Ok("a \"b\"\n{{args.service}}")),
            ("{{args.empty}}", Ok("")),
            ("Bearer {{args.token}}", Ok("Bearer *****")),
            ("{{args.other}}", Err("failed to resolve {{args.other}}")),
            ("{{ service }}", Err("failed to resolve {{ service }}")),
            ("up{{", Err("failed to resolve {{}}")),
            ("}} up", Ok("}} up")),
        ] {
            let filled = arguments.fill(text).map(|filled| filled.to_string()).map_err(|error| error.to_string());
            assert_eq!(filled, expected.map(String::from).map_err(String::from), "{text:?}");
        }
    }

    #[test]
    fn a_secret_stays_a_reference() {
        let arguments = arguments(
            json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "prometheus", "key": "bearer"}}}]),
        )
        .expect("has a value");
        let filled = arguments.fill("Bearer {{args.token}}!").expect("fills");
        let secret = SecretRef { namespace: "shop".into(), name: "prometheus".into(), key: "bearer".into() };
        assert_eq!(filled.0, [Piece::Literal("Bearer ".into()), Piece::Secret(secret), Piece::Literal("!".into())]);
        assert_eq!(without_secrets(&filled), None);
        assert_eq!(without_secrets(&arguments.fill("plain").expect("fills")), Some("plain".into()));
    }

    #[test]
    fn every_argument_needs_a_value() {
        for (list, expected) in [
            (json!([{"name": "service"}]), "argument \"service\" was not supplied"),
            (json!([{"name": "a", "value": "1"}, {"name": "b", "valueFrom": {}}]), "argument \"b\" was not supplied"),
            (
                json!([{"name": "c", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
                "argument \"c\" was not supplied",
            ),
        ] {
            assert_eq!(arguments(list).expect_err("has no value").to_string(), expected);
        }
    }
}

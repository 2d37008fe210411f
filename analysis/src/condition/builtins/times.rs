//! Functions that make times and durations. `now` is the time that the evaluation was given.
//!
//! The only time zone is UTC: there is no zone database here, and a condition that needs one compares with an offset.

use super::{Builtin, Call, Overload, Rule};
use crate::condition::{
    durations,
    limits::Fault,
    moments,
    types::{
        Simple::{self, Text},
        Type,
    },
    value::Value,
};

pub(super) static TABLE: &[Builtin] = &[
    Builtin { name: "now", rule: Rule::Own(now_rule), body: |call| Ok(Value::at(call.now)) },
    Builtin {
        name: "duration",
        rule: Rule::Overloads(&[Overload { parameters: &[Text], result: Simple::Duration }]),
        body: |call| durations::parse(call.text(0)?).map(Value::Duration),
    },
    Builtin { name: "date", rule: Rule::Own(date_rule), body: date },
    Builtin {
        name: "timezone",
        rule: Rule::Overloads(&[Overload { parameters: &[Text], result: Simple::Zone }]),
        body: |call| {
            let name = call.text(0)?;
            zone(name)
        },
    },
];

fn now_rule(arguments: &[Type]) -> Result<Type, String> {
    match arguments {
        [] | [Type::Zone] => Ok(Type::Time),
        _ => Err(format!("invalid number of arguments (expected 0, got {})", arguments.len())),
    }
}

fn date_rule(arguments: &[Type]) -> Result<Type, String> {
    if arguments.is_empty() {
        return Err("invalid number of arguments (expected at least 1, got 0)".to_string());
    }
    let texts = match arguments {
        [Type::Zone, texts @ ..] => texts.len(),
        texts => texts.len(),
    };
    if texts > 3 {
        return Err(format!("invalid number of arguments (expected at most 3, got {texts})"));
    }
    Ok(Type::Time)
}

fn zone(name: &str) -> Result<Value, Fault> {
    match name {
        "" | "UTC" | "Local" => Ok(Value::Zone),
        _ => Err(Fault::new(format!("unknown time zone {name}"))),
    }
}

fn date(call: &mut Call<'_>) -> Result<Value, Fault> {
    let first = usize::from(matches!(call.argument(0), Value::Zone));
    let text = call.text(first)?;
    if call.arguments.len() > first + 2 {
        zone(call.text(first + 2)?)?;
    }
    if call.arguments.len() > first + 1 {
        let layout = call.text(first + 1)?;
        // Every part of a layout is looked for at each character.
        call.meter.steps(layout.len())?;
        return moments::parse(layout, text).map(Value::Time);
    }
    moments::parse_any(text).map(Value::Time)
}

//! Functions on text.
//!
//! Positions are bytes, lengths are characters. That is what existing conditions got.

use super::{Builtin, Call, Overload, Rule};
use crate::condition::{
    limits::Fault,
    show,
    types::Simple::{self, Any, AnyList, Bool, Int, Text, TextList},
    value::{ListKind, Value},
};

/// Longest text that `repeat` makes; its share of the memory budget.
const MAX_REPEATED: i64 = 1_000_000;

const fn takes(parameters: &'static [Simple], result: Simple) -> Overload {
    Overload { parameters, result }
}

const TEXT_TO_TEXT: Rule = Rule::Overloads(&[takes(&[Text], Text)]);
const TWO_TO_BOOL: Rule = Rule::Overloads(&[takes(&[Text, Text], Bool)]);
const TWO_TO_INT: Rule = Rule::Overloads(&[takes(&[Text, Text], Int)]);
const AFFIX: Rule = Rule::Overloads(&[takes(&[Text, Text], Text), takes(&[Text], Text)]);
const SPLIT: Rule = Rule::Overloads(&[takes(&[Text, Text], TextList), takes(&[Text, Text, Int], TextList)]);

pub(super) static TABLE: &[Builtin] = &[
    Builtin { name: "string", rule: Rule::Overloads(&[takes(&[Any], Text)]), body: string },
    Builtin { name: "trim", rule: Rule::Overloads(&[takes(&[Text], Text), takes(&[Text, Text], Text)]), body: trim },
    Builtin {
        name: "trimPrefix",
        rule: AFFIX,
        body: |call| without(call, |text, affix| text.strip_prefix(affix).unwrap_or(text)),
    },
    Builtin {
        name: "trimSuffix",
        rule: AFFIX,
        body: |call| without(call, |text, affix| text.strip_suffix(affix).unwrap_or(text)),
    },
    Builtin { name: "upper", rule: TEXT_TO_TEXT, body: |call| changed(call, str::to_uppercase) },
    Builtin { name: "lower", rule: TEXT_TO_TEXT, body: |call| changed(call, str::to_lowercase) },
    Builtin { name: "split", rule: SPLIT, body: |call| split(call, false) },
    Builtin { name: "splitAfter", rule: SPLIT, body: |call| split(call, true) },
    Builtin {
        name: "replace",
        rule: Rule::Overloads(&[takes(&[Text, Text, Text, Int], Text), takes(&[Text, Text, Text], Text)]),
        body: replace,
    },
    Builtin { name: "repeat", rule: Rule::Overloads(&[takes(&[Text, Int], Text)]), body: repeat },
    Builtin {
        name: "join",
        rule: Rule::Overloads(&[
            takes(&[TextList, Text], Text),
            takes(&[AnyList, Text], Text),
            takes(&[AnyList], Text),
            takes(&[TextList, Text], Text),
            takes(&[TextList], Text),
        ]),
        body: join,
    },
    Builtin { name: "indexOf", rule: TWO_TO_INT, body: |call| position(call, |text, part| text.find(part)) },
    Builtin { name: "lastIndexOf", rule: TWO_TO_INT, body: |call| position(call, |text, part| text.rfind(part)) },
    Builtin { name: "hasPrefix", rule: TWO_TO_BOOL, body: |call| test(call, |text, part| text.starts_with(part)) },
    Builtin { name: "hasSuffix", rule: TWO_TO_BOOL, body: |call| test(call, |text, part| text.ends_with(part)) },
];

fn string(call: &mut Call<'_>) -> Result<Value, Fault> {
    show::plain(call.argument(0), call.meter).map(Value::from)
}

fn changed(call: &mut Call<'_>, change: fn(&str) -> String) -> Result<Value, Fault> {
    let text = call.text(0)?;
    call.made(change(text))
}

fn trim(call: &mut Call<'_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    if call.arguments.len() < 2 {
        return call.made(text.trim().to_string());
    }
    let unwanted = call.text(1)?;
    // Every character is looked for among the unwanted ones.
    call.meter.steps(text.len().saturating_mul(unwanted.len()) / 64)?;
    call.made(text.trim_matches(|c| unwanted.contains(c)).to_string())
}

fn without(call: &mut Call<'_>, cut: for<'t> fn(&'t str, &str) -> &'t str) -> Result<Value, Fault> {
    let text = call.text(0)?;
    let affix = if call.arguments.len() > 1 { call.text(1)? } else { " " };
    call.made(cut(text, affix).to_string())
}

fn test(call: &mut Call<'_>, test: fn(&str, &str) -> bool) -> Result<Value, Fault> {
    let text = call.text(0)?;
    Ok(Value::Bool(test(text, call.text(1)?)))
}

fn position(call: &mut Call<'_>, find: fn(&str, &str) -> Option<usize>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    Ok(find(text, call.text(1)?).map_or(Value::Int(-1), Value::size))
}

/// Cuts at each separator. With `keep` the separator stays at the end of its piece.
fn split(call: &mut Call<'_>, keep: bool) -> Result<Value, Fault> {
    let text = call.text(0)?;
    let separator = call.text(1)?;
    let limit = if call.arguments.len() > 2 { call.argument(2).index()? } else { -1 };
    let Ok(limit) = usize::try_from(limit) else { return pieces(call, text, separator, keep, usize::MAX) };
    pieces(call, text, separator, keep, limit)
}

fn pieces(call: &mut Call<'_>, text: &str, separator: &str, keep: bool, limit: usize) -> Result<Value, Fault> {
    match limit {
        0 => Value::list(ListKind::Text, Vec::new()),
        // Without a separator every character is a piece.
        _ if separator.is_empty() => {
            let last = text.char_indices().nth(limit - 1).map(|(at, _)| at);
            let (singles, rest) = text.split_at(last.unwrap_or(text.len()));
            let ends = singles.char_indices().map(|(at, c)| singles.get(at..at + c.len_utf8()).unwrap_or_default());
            call.pieces(ends.chain((!rest.is_empty()).then_some(rest)))
        }
        _ if keep => {
            let cut = text.match_indices(separator).map(|(at, _)| at + separator.len()).take(limit - 1);
            let mut from = 0;
            let mut found = Vec::new();
            for to in cut {
                call.meter.steps(1)?;
                found.push(text.get(from..to).unwrap_or_default());
                from = to;
            }
            found.push(text.get(from..).unwrap_or_default());
            call.pieces(found.into_iter())
        }
        _ => call.pieces(text.splitn(limit, separator)),
    }
}

fn replace(call: &mut Call<'_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    let old = call.text(1)?;
    let new = call.text(2)?;
    let limit = if call.arguments.len() > 3 { call.argument(3).index()? } else { -1 };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Paid for before it is made: the new text may be far longer than the old one.
    let found = text.matches(old).take(limit).count();
    call.meter.text(found.saturating_mul(new.len()))?;
    call.made(text.replacen(old, new, limit))
}

fn repeat(call: &mut Call<'_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    let times = call.argument(1).index()?;
    let Ok(count) = usize::try_from(times) else {
        return Err(Fault::new(format!("invalid argument for repeat (expected positive integer, got {times})")));
    };
    if times > MAX_REPEATED {
        return Err(Fault::over_budget());
    }
    call.meter.elements(text.len().saturating_mul(count))?;
    call.made(text.repeat(count))
}

fn join(call: &mut Call<'_>) -> Result<Value, Fault> {
    let glue = if call.arguments.len() > 1 { call.text(1)? } else { "" };
    let list = match call.argument(0) {
        Value::List(list) if matches!(list.kind(), ListKind::Any | ListKind::Text) => list,
        other => return Err(Fault::new(format!("invalid argument for join (type {})", other.go_type()))),
    };
    let mut joined = String::new();
    for (at, item) in list.items().iter().enumerate() {
        let piece = item.text()?;
        call.meter.steps(1)?;
        call.meter.text(piece.len() + glue.len())?;
        if at > 0 {
            joined.push_str(glue);
        }
        joined.push_str(piece);
    }
    call.made(joined)
}

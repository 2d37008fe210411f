//! Functions on maps, and `get`, which also reads lists. Maps are walked in the order of their keys.

use std::collections::BTreeMap;

use super::{Builtin, Call, Rule, one};
use crate::condition::{
    access,
    limits::Fault,
    types::Type,
    value::{Key, ListKind, Map, MapKind, Value},
};

pub(super) static TABLE: &[Builtin] = &[
    Builtin { name: "get", rule: Rule::Element, body: get },
    Builtin {
        name: "keys",
        rule: Rule::Own(|arguments| map_rule(arguments, "cannot get keys from")),
        body: |call| listed(call, "cannot get keys from", |key, _| Ok(key.value())),
    },
    Builtin {
        name: "values",
        rule: Rule::Own(|arguments| map_rule(arguments, "cannot get values from")),
        body: |call| listed(call, "cannot get values from", |_, value| Ok(value.clone())),
    },
    Builtin {
        name: "toPairs",
        rule: Rule::Own(|arguments| {
            map_rule(arguments, "cannot transform")
                .map_err(|text| if text.starts_with("cannot") { format!("{text} to pairs") } else { text })
        }),
        body: to_pairs,
    },
    Builtin { name: "fromPairs", rule: Rule::Own(from_pairs_rule), body: from_pairs },
];

fn map_rule(arguments: &[Type], refusal: &str) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_unknown() || argument.is_map() {
        return Ok(Type::any_list());
    }
    Err(format!("{refusal} {}", argument.name_as_argument()))
}

fn from_pairs_rule(arguments: &[Type]) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_unknown() || argument.is_list() {
        return Ok(Type::Map(MapKind::Any));
    }
    Err(format!("cannot transform {} from pairs", argument.name_as_argument()))
}

/// The element, or nil where there is none.
fn get(call: &mut Call<'_>) -> Result<Value, Fault> {
    match call.argument(0) {
        Value::Nil => Ok(Value::Nil),
        base => access::fetch_or_nil(base, call.argument(1)),
    }
}

fn map_in<'a>(call: &Call<'a>, refusal: impl FnOnce(&str) -> String) -> Result<&'a Map, Fault> {
    match call.argument(0) {
        Value::Map(map) => Ok(map),
        other => Err(Fault::new(refusal(other.go_kind()))),
    }
}

fn listed(call: &mut Call<'_>, refusal: &str, pick: fn(&Key, &Value) -> Result<Value, Fault>) -> Result<Value, Fault> {
    let map = map_in(call, |kind| format!("{refusal} {kind}"))?;
    call.meter.elements(map.entries().len())?;
    let items: Result<_, Fault> = map.entries().iter().map(|(key, value)| pick(key, value)).collect();
    Value::list(ListKind::Any, items?)
}

fn to_pairs(call: &mut Call<'_>) -> Result<Value, Fault> {
    let map = map_in(call, |kind| format!("cannot transform {kind} to pairs"))?;
    call.meter.elements(map.entries().len().saturating_mul(2))?;
    let pairs: Result<_, Fault> =
        map.entries().iter().map(|(key, value)| Value::list(ListKind::Any, vec![key.value(), value.clone()])).collect();
    Value::list(ListKind::Pairs, pairs?)
}

fn from_pairs(call: &mut Call<'_>) -> Result<Value, Fault> {
    let Some(pairs) = call.elements(0)? else {
        let shown = call.argument(0).go_kind();
        return Err(Fault::new(format!("cannot transform {shown} from pairs")));
    };
    call.meter.elements(pairs.len())?;
    let mut entries = BTreeMap::new();
    for pair in &pairs {
        let shown = |text: &str, call: &mut Call<'_>| {
            crate::condition::show::plain(pair, call.meter).map(|pair| Fault::new(format!("{text} {pair}")))
        };
        let Value::List(list) = pair else { return Err(shown("invalid pair", call)?) };
        let [key, value] = list.items() else { return Err(shown("invalid pair length", call)?) };
        entries.insert(Key::of(key)?, value.clone());
    }
    Value::map(MapKind::Any, entries)
}

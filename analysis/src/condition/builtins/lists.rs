//! Functions on lists that need no predicate: `len`, `first`, `sort`, `uniq`, `flatten`.

use super::{Builtin, Call, Overload, Rule, one};
use crate::condition::{
    access, compare,
    limits::{Fault, Meter},
    types::{
        Simple::{AnyList, FloatList, IntList, Text, TextList},
        Type,
    },
    value::{ListKind, Value},
};

pub(super) static TABLE: &[Builtin] = &[
    Builtin { name: "len", rule: Rule::Own(len_rule), body: |call| access::length(call.argument(0), call.meter) },
    Builtin {
        name: "first",
        rule: Rule::Own(|arguments| end_rule("first", arguments)),
        body: |call| Ok(access::fetch(call.argument(0), &Value::Int(0)).unwrap_or(Value::Nil)),
    },
    Builtin {
        name: "last",
        rule: Rule::Own(|arguments| end_rule("last", arguments)),
        body: |call| Ok(access::fetch(call.argument(0), &Value::Int(-1)).unwrap_or(Value::Nil)),
    },
    Builtin { name: "take", rule: Rule::Own(take_rule), body: take },
    Builtin { name: "reverse", rule: Rule::Own(|arguments| list_rule("reverse", arguments)), body: reverse },
    Builtin { name: "uniq", rule: Rule::Own(|arguments| list_rule("uniq", arguments)), body: uniq },
    Builtin { name: "concat", rule: Rule::Own(concat_rule), body: concat },
    Builtin { name: "flatten", rule: Rule::Own(|arguments| list_rule("flatten", arguments)), body: flatten },
    Builtin {
        name: "sort",
        rule: Rule::Overloads(&[
            Overload { parameters: &[AnyList, Text], result: AnyList },
            Overload { parameters: &[IntList, Text], result: AnyList },
            Overload { parameters: &[FloatList, Text], result: AnyList },
            Overload { parameters: &[TextList, Text], result: AnyList },
            Overload { parameters: &[AnyList], result: AnyList },
            Overload { parameters: &[FloatList], result: AnyList },
            Overload { parameters: &[TextList], result: AnyList },
            Overload { parameters: &[IntList], result: AnyList },
        ]),
        body: sort,
    },
];

fn len_rule(arguments: &[Type]) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_unknown() || argument.is_list() || argument.is_map() || argument.is_text() {
        return Ok(Type::Int);
    }
    Err(format!("invalid argument for len (type {})", argument.name_as_argument()))
}

fn end_rule(which: &str, arguments: &[Type]) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_unknown() {
        return Ok(Type::Any);
    }
    // The name of a list tells what its elements are, whatever else is known of them.
    match argument {
        Type::List(ListKind::Any, _) => Ok(Type::Any),
        list if list.is_list() => Ok(list.element()),
        other => Err(format!("cannot get {which} element from {}", other.name_as_argument())),
    }
}

fn list_rule(verb: &str, arguments: &[Type]) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_unknown() || argument.is_list() {
        return Ok(Type::any_list());
    }
    Err(format!("cannot {verb} {}", argument.name_as_argument()))
}

fn take_rule(arguments: &[Type]) -> Result<Type, String> {
    let [list, count] = arguments else {
        return Err(format!("invalid number of arguments (expected 2, got {})", arguments.len()));
    };
    if !list.is_unknown() && !list.is_list() {
        return Err(format!("cannot take from {}", list.name_as_argument()));
    }
    if !count.is_unknown() && !count.is_integer() {
        return Err(format!("cannot take {} elements", count.name_as_argument()));
    }
    Ok(match list {
        Type::List(ListKind::Any, _) => Type::any_list(),
        list => list.clone(),
    })
}

fn concat_rule(arguments: &[Type]) -> Result<Type, String> {
    if arguments.is_empty() {
        return Err("invalid number of arguments (expected at least 1, got 0)".to_string());
    }
    match arguments.iter().find(|argument| !argument.is_unknown() && !argument.is_list()) {
        Some(unfit) => Err(format!("cannot concat {}", unfit.name_as_argument())),
        None => Ok(Type::any_list()),
    }
}

/// The elements of an argument that must be a list.
fn list_in(call: &mut Call<'_>, at: usize, refusal: &str) -> Result<Vec<Value>, Fault> {
    let elements = call.elements(at)?;
    elements.ok_or_else(|| Fault::new(format!("{refusal} {}", call.argument(at).go_kind())))
}

fn take(call: &mut Call<'_>) -> Result<Value, Fault> {
    let mut items = list_in(call, 0, "cannot take from")?;
    let Some(count) = call.argument(1).integer() else {
        return Err(Fault::new(format!("cannot take {} elements", call.argument(1).go_kind())));
    };
    let Ok(count) = usize::try_from(count) else {
        return Err(Fault::new("reflect.Value.Slice: slice index out of bounds"));
    };
    items.truncate(count);
    let kind = match call.argument(0) {
        Value::List(list) => list.kind(),
        _ => ListKind::Any,
    };
    Value::list(kind, items)
}

fn reverse(call: &mut Call<'_>) -> Result<Value, Fault> {
    let mut items = list_in(call, 0, "cannot reverse")?;
    call.meter.elements(items.len())?;
    items.reverse();
    Value::list(ListKind::Any, items)
}

fn uniq(call: &mut Call<'_>) -> Result<Value, Fault> {
    let mut kept: Vec<Value> = Vec::new();
    for item in list_in(call, 0, "cannot uniq")? {
        let mut known = false;
        for earlier in &kept {
            known = known || compare::equal(&item, earlier, call.meter)?;
        }
        if !known {
            kept.push(item);
        }
    }
    Value::list(ListKind::Any, kept)
}

fn concat(call: &mut Call<'_>) -> Result<Value, Fault> {
    let mut joined = Vec::new();
    for at in 0..call.arguments.len() {
        let items = list_in(call, at, "cannot concat")?;
        call.meter.elements(items.len())?;
        joined.extend(items);
    }
    Value::list(ListKind::Any, joined)
}

fn flatten(call: &mut Call<'_>) -> Result<Value, Fault> {
    let items = list_in(call, 0, "cannot flatten")?;
    let mut flat = Vec::new();
    flatten_into(&items, &mut flat, call.meter)?;
    Value::list(ListKind::Any, flat)
}

fn flatten_into(items: &[Value], flat: &mut Vec<Value>, meter: &mut Meter) -> Result<(), Fault> {
    for item in items {
        meter.steps(1)?;
        match item {
            Value::List(list) => flatten_into(list.items(), flat, meter)?,
            other => {
                meter.elements(1)?;
                flat.push(other.clone());
            }
        }
    }
    Ok(())
}

fn sort(call: &mut Call<'_>) -> Result<Value, Fault> {
    let descending = match call.arguments.get(1) {
        None => false,
        Some(Value::Text(order)) if order.as_ref() == "asc" => false,
        Some(Value::Text(order)) if order.as_ref() == "desc" => true,
        Some(Value::Text(order)) => {
            return Err(Fault::new(format!("invalid order {order}, expected asc or desc")));
        }
        Some(other) => {
            return Err(Fault::new(format!("sort order argument must be a string (got {})", other.go_type())));
        }
    };
    let items = call.elements(0)?.unwrap_or_default();
    call.meter.elements(items.len())?;
    let pairs = items.into_iter().map(|item| (item.clone(), item)).collect();
    let sorted = compare::sorted(pairs, descending, call.meter)?;
    Value::list(ListKind::Any, sorted)
}

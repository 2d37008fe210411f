//! Functions on numbers, and on lists of them: `abs`, `round`, `int`, `max`, `mean`.
//!
//! The aggregates take numbers and lists in any mixture, nested or not.

use super::{Builtin, Call, Rule, environment, one};
use crate::condition::{
    compare,
    limits::{Fault, Meter},
    tree::Order,
    types::Type,
    value::Value,
};

pub(super) static TABLE: &[Builtin] = &[
    Builtin { name: "abs", rule: Rule::Own(abs_rule), body: abs },
    Builtin {
        name: "ceil",
        rule: Rule::Own(|arguments| rounding_rule("ceil", arguments)),
        body: |call| rounded(call, "ceil", f64::ceil),
    },
    Builtin {
        name: "floor",
        rule: Rule::Own(|arguments| rounding_rule("floor", arguments)),
        body: |call| rounded(call, "floor", f64::floor),
    },
    Builtin {
        name: "round",
        rule: Rule::Own(|arguments| rounding_rule("round", arguments)),
        body: |call| rounded(call, "round", f64::round),
    },
    Builtin { name: "int", rule: Rule::Own(|arguments| conversion_rule("int", arguments, Type::Int)), body: int },
    Builtin {
        name: "float",
        rule: Rule::Own(|arguments| conversion_rule("float", arguments, Type::Float)),
        body: float,
    },
    Builtin {
        name: "max",
        rule: Rule::Own(|arguments| aggregate_rule("max", arguments)),
        body: |call| extreme(call, "max", Order::Less),
    },
    Builtin {
        name: "min",
        rule: Rule::Own(|arguments| aggregate_rule("min", arguments)),
        body: |call| extreme(call, "min", Order::More),
    },
    Builtin { name: "mean", rule: Rule::Own(|arguments| aggregate_rule("mean", arguments)), body: mean },
    Builtin { name: "median", rule: Rule::Own(|arguments| aggregate_rule("median", arguments)), body: median },
];

fn abs_rule(arguments: &[Type]) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_number() || argument.is_unknown() || is_named_integer(argument) {
        return Ok(argument.clone());
    }
    Err(format!("invalid argument for abs (type {})", argument.name_as_argument()))
}

fn is_named_integer(argument: &Type) -> bool {
    matches!(argument, Type::Duration | Type::Month | Type::Weekday)
}

fn rounding_rule(name: &str, arguments: &[Type]) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_number() || argument.is_unknown() || is_named_integer(argument) {
        return Ok(Type::Float);
    }
    Err(format!("invalid argument for {name} (type {})", argument.name_as_argument()))
}

fn conversion_rule(name: &str, arguments: &[Type], result: Type) -> Result<Type, String> {
    let argument = one(arguments)?;
    if argument.is_number() || argument.is_unknown() || argument.is_text() || is_named_integer(argument) {
        return Ok(result);
    }
    Err(format!("invalid argument for {name} (type {})", argument.name_as_argument()))
}

fn aggregate_rule(name: &str, arguments: &[Type]) -> Result<Type, String> {
    let Some(first) = arguments.first() else { return Err(format!("not enough arguments to call {name}")) };
    for argument in arguments {
        if argument.is_unknown() || argument.is_list() {
            return Ok(Type::Any);
        }
        if !argument.is_number() && !is_named_integer(argument) {
            return Err(format!("invalid argument for {name} (type {})", argument.name_as_argument()));
        }
    }
    Ok(first.clone())
}

fn abs(call: &mut Call<'_>) -> Result<Value, Fault> {
    match call.argument(0) {
        Value::Float(number) => Ok(Value::Float(number.abs())),
        Value::Int(number) => Ok(Value::Int(number.wrapping_abs())),
        Value::Int64(number) => Ok(Value::Int64(number.wrapping_abs())),
        other => Err(unfit("abs", other)),
    }
}

fn rounded(call: &mut Call<'_>, name: &str, round: fn(f64) -> f64) -> Result<Value, Fault> {
    match call.argument(0) {
        Value::Float(number) => Ok(Value::Float(round(*number))),
        other => other.number().map(Value::Float).ok_or_else(|| unfit(name, other)),
    }
}

fn int(call: &mut Call<'_>) -> Result<Value, Fault> {
    match call.argument(0) {
        Value::Float(number) => Ok(Value::Int(*number as i64)),
        Value::Text(text) => match environment::parse_int(text) {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => Err(Fault::new(format!("invalid operation: int({text})"))),
        },
        other => other
            .integer()
            .or_else(|| other.ordinal())
            .map(Value::Int)
            .ok_or_else(|| Fault::new(format!("invalid operation: int({})", other.go_type()))),
    }
}

fn float(call: &mut Call<'_>) -> Result<Value, Fault> {
    match call.argument(0) {
        Value::Text(text) => match environment::parse_float(text) {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => Err(Fault::new(format!("invalid operation: float({text})"))),
        },
        other => other
            .number()
            .map(Value::Float)
            .ok_or_else(|| Fault::new(format!("invalid operation: float({})", other.go_type()))),
    }
}

fn unfit(name: &str, value: &Value) -> Fault {
    Fault::new(format!("invalid argument for {name} (type {})", value.go_type()))
}

/// The largest or smallest number: a later one wins where the best so far is `worse` than it.
fn extreme(call: &mut Call<'_>, name: &str, worse: Order) -> Result<Value, Fault> {
    // What is no number and stands alone is its own extreme.
    if let [alone] = call.arguments
        && alone.number().is_none()
        && !matches!(alone, Value::List(_) | Value::Bytes(_))
    {
        return Ok(alone.clone());
    }
    let mut best: Option<Value> = None;
    for number in numbers_in(call.arguments, name, call.meter)? {
        best = match best {
            Some(best) if !compare::in_order(&best, worse, &number, call.meter)? => Some(best),
            _ => Some(number),
        };
    }
    Ok(best.unwrap_or(Value::Nil))
}

fn mean(call: &mut Call<'_>) -> Result<Value, Fault> {
    let numbers = numbers_in(call.arguments, "mean", call.meter)?;
    if numbers.is_empty() {
        return Ok(Value::Float(0.0));
    }
    let total: f64 = numbers.iter().filter_map(Value::number).sum();
    Ok(Value::Float(total / numbers.len() as f64))
}

fn median(call: &mut Call<'_>) -> Result<Value, Fault> {
    let numbers = numbers_in(call.arguments, "median", call.meter)?;
    let mut numbers: Vec<f64> = numbers.iter().filter_map(Value::number).collect();
    // What is not a number comes first.
    numbers.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())));
    let middle = numbers.len() / 2;
    let upper = numbers.get(middle).copied().unwrap_or(0.0);
    if numbers.len() % 2 == 1 || numbers.is_empty() {
        return Ok(Value::Float(upper));
    }
    let lower = numbers.get(middle - 1).copied().unwrap_or(0.0);
    Ok(Value::Float((lower + upper) / 2.0))
}

/// All numbers, those in lists included.
fn numbers_in(values: &[Value], name: &str, meter: &mut Meter) -> Result<Vec<Value>, Fault> {
    let mut found = Vec::new();
    collect_numbers(values, name, &mut found, meter)?;
    Ok(found)
}

fn collect_numbers(values: &[Value], name: &str, found: &mut Vec<Value>, meter: &mut Meter) -> Result<(), Fault> {
    // Of a duration there is a mean, in nanoseconds, but the largest duration is one.
    let averages = matches!(name, "mean" | "median");
    for value in values {
        meter.steps(1)?;
        match value {
            Value::List(list) => collect_numbers(list.items(), name, found, meter)?,
            Value::Bytes(bytes) => found.extend(bytes.iter().map(|byte| Value::Int(i64::from(*byte)))),
            number if number.number().is_some() => found.push(number.clone()),
            named if named.ordinal().is_some() && averages => found.push(Value::Int(named.ordinal().unwrap_or(0))),
            named if named.ordinal().is_some() => found.push(named.clone()),
            other => return Err(unfit(name, other)),
        }
    }
    Ok(())
}

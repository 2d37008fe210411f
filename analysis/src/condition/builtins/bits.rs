//! Functions on the bits of integers. They refuse floats.

use super::{Builtin, Call, Overload, Rule};
use crate::condition::{limits::Fault, types::Simple, value::Value};

const TWO: Rule = Rule::Overloads(&[Overload { parameters: &[Simple::Int, Simple::Int], result: Simple::Int }]);

pub(super) static TABLE: &[Builtin] = &[
    Builtin { name: "bitand", rule: TWO, body: |call| pair(call, "bitand").map(|(x, y)| Value::Int(x & y)) },
    Builtin { name: "bitor", rule: TWO, body: |call| pair(call, "bitor").map(|(x, y)| Value::Int(x | y)) },
    Builtin { name: "bitxor", rule: TWO, body: |call| pair(call, "bitxor").map(|(x, y)| Value::Int(x ^ y)) },
    Builtin { name: "bitnand", rule: TWO, body: |call| pair(call, "bitnand").map(|(x, y)| Value::Int(x & !y)) },
    Builtin {
        name: "bitshl",
        rule: TWO,
        body: |call| shift(call, "bitshl").map(|(x, by)| Value::Int(x.checked_shl(by).unwrap_or(0))),
    },
    Builtin {
        name: "bitshr",
        rule: TWO,
        // A shift by all bits leaves the sign.
        body: |call| shift(call, "bitshr").map(|(x, by)| Value::Int(x >> by.min(63))),
    },
    Builtin {
        name: "bitushr",
        rule: TWO,
        body: |call| {
            let (x, by) = shift(call, "bitushr")?;
            Ok(Value::Int(x.cast_unsigned().checked_shr(by).unwrap_or(0).cast_signed()))
        },
    },
    Builtin {
        name: "bitnot",
        rule: Rule::Overloads(&[Overload { parameters: &[Simple::Int], result: Simple::Int }]),
        body: |call| integer(call.argument(0), "bitnot").map(|x| Value::Int(!x)),
    },
];

fn integer(value: &Value, name: &str) -> Result<i64, Fault> {
    value
        .integer()
        .ok_or_else(|| Fault::new(format!("cannot use {} as argument (type int) to call {name}", value.go_type())))
}

fn pair(call: &Call<'_>, name: &str) -> Result<(i64, i64), Fault> {
    Ok((integer(call.argument(0), name)?, integer(call.argument(1), name)?))
}

fn shift(call: &Call<'_>, name: &str) -> Result<(i64, u32), Fault> {
    let (x, by) = pair(call, name)?;
    if by < 0 {
        return Err(Fault::new(format!("invalid operation: negative shift count {by} (type int)")));
    }
    Ok((x, u32::try_from(by).unwrap_or(u32::MAX)))
}

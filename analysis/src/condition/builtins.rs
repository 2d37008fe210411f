//! The functions that every condition may call: one table a file, grouped by what they work on.
//!
//! A function has a rule, which the checker applies to the types of the arguments, and a body, which sees their values.
//! A body trusts nothing that the rule says, since types may be unknown. It pays the meter for all it walks or makes.

mod bits;
mod encoding;
mod environment;
mod lists;
mod maps;
mod numbers;
mod text;
mod times;

use chrono::{DateTime, Utc};

use super::{
    limits::{Fault, Meter},
    types::{Simple, Type},
    value::Value,
};

pub(super) use encoding::to_base64;
pub(super) use environment::{call as call_environment, signature as environment_signature, signatures};

/// A built-in function.
#[derive(Debug)]
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    body: Body,
}

type Body = fn(&mut Call<'_>) -> Result<Value, Fault>;

/// Which arguments a function takes and what it returns.
#[derive(Debug)]
pub(super) enum Rule {
    /// One of these lists of parameters.
    Overloads(&'static [Overload]),
    /// A rule of its own, which says in a message what it misses.
    Own(fn(&[Type]) -> Result<Type, String>),
    /// An element of a list or a map, whose type the checker knows best.
    Element,
}

#[derive(Debug)]
pub(super) struct Overload {
    pub(super) parameters: &'static [Simple],
    pub(super) result: Simple,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) arguments: &'a [Value],
    pub(super) meter: &'a mut Meter,
    pub(super) now: DateTime<Utc>,
}

impl<'a> Call<'a> {
    /// An argument; a missing one is nil.
    fn argument(&self, at: usize) -> &'a Value {
        self.arguments.get(at).unwrap_or(&Value::Nil)
    }

    /// An argument that must be text. Reading it is paid for.
    fn text(&mut self, at: usize) -> Result<&'a str, Fault> {
        let text = self.argument(at).text()?;
        self.meter.text(text.len())?;
        Ok(text)
    }

    /// Text that was made.
    fn made(&mut self, text: String) -> Result<Value, Fault> {
        self.meter.text(text.len())?;
        Ok(Value::from(text))
    }

    /// Texts that were cut from one.
    fn pieces<'p>(&mut self, pieces: impl Iterator<Item = &'p str>) -> Result<Value, Fault> {
        let mut items = Vec::new();
        for piece in pieces {
            self.meter.elements(1)?;
            items.push(Value::from(piece));
        }
        Value::list(super::value::ListKind::Text, items)
    }

    /// The elements of a list, paid for one by one; none if the argument is no list.
    fn elements(&mut self, at: usize) -> Result<Option<Vec<Value>>, Fault> {
        super::compare::elements(self.argument(at), self.meter)
    }
}

impl Builtin {
    pub(super) fn named(name: &str) -> Option<&'static Builtin> {
        [bits::TABLE, encoding::TABLE, lists::TABLE, maps::TABLE, numbers::TABLE, text::TABLE, times::TABLE]
            .into_iter()
            .flatten()
            .find(|builtin| builtin.name == name)
    }

    pub(super) fn call(&self, call: &mut Call<'_>) -> Result<Value, Fault> {
        (self.body)(call)
    }
}

/// The rule of a function of exactly one argument.
fn one(arguments: &[Type]) -> Result<&Type, String> {
    match arguments {
        [argument] => Ok(argument),
        _ => Err(format!("invalid number of arguments (expected 1, got {})", arguments.len())),
    }
}

//! Computes the value of a checked tree for one result.
//!
//! It trusts no type: where nothing was known, everything may come. Each node costs a step, so that no expression runs
//! away; depth is bounded by the parser.

mod calls;
mod loops;
mod operators;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    access, builtins, compare,
    limits::{Fault, Meter},
    pattern::Pattern,
    tree::{Kind, Node, Order, Unary},
    value::{Key, ListKind, Map, MapKind, Value},
};

/// The value of the tree.
pub(super) fn evaluate(tree: &Node, result: &Value, now: DateTime<Utc>) -> Result<Value, Fault> {
    let mut machine = Machine {
        result,
        now,
        meter: Meter::new(),
        variables: Vec::new(),
        scopes: Vec::new(),
        patterns: BTreeMap::new(),
    };
    match machine.value(tree) {
        Ok(value) => Ok(value),
        Err(Halt::Fault(fault)) => Err(fault),
        // Every optional access stands in a chain that ends it, so this does not happen.
        Err(Halt::ChainEnded) => Ok(Value::Nil),
    }
}

struct Machine<'t> {
    result: &'t Value,
    now: DateTime<Utc>,
    meter: Meter,
    variables: Vec<(&'t str, Value)>,
    scopes: Vec<Scope>,
    /// Patterns that are computed, compiled once each.
    patterns: BTreeMap<String, Pattern>,
}

/// The element that a predicate looks at.
struct Scope {
    items: Arc<Vec<Value>>,
    index: usize,
    accumulator: Value,
}

/// Why an evaluation went no further.
enum Halt {
    /// A `?.` found nil: the chain around it is nil.
    ChainEnded,
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Halt::Fault(fault)
    }
}

type Evaluated = Result<Value, Halt>;

impl<'t> Machine<'t> {
    fn value(&mut self, node: &'t Node) -> Evaluated {
        self.meter.steps(1)?;
        match &node.kind {
            Kind::Nil => Ok(Value::Nil),
            Kind::Bool(truth) => Ok(Value::Bool(*truth)),
            Kind::Int(number) => Ok(Value::Int(*number)),
            Kind::Float(number) => Ok(Value::Float(*number)),
            Kind::Text(text) => Ok(Value::Text(text.clone())),
            Kind::Pattern(pattern) => Ok(Value::from(pattern.as_str())),
            Kind::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            Kind::Name(name) => self.name(name),
            Kind::Pointer(name) => self.pointer(name),
            Kind::Unary { operator, operand } => self.unary(*operator, operand),
            Kind::Operations { first, rest } => self.operations(first, rest),
            Kind::Comparison { first, rest } => self.comparison(first, rest),
            Kind::Member { base, property, optional, .. } => self.member(base, property, *optional),
            Kind::Chain(inner) => self.chain(inner),
            Kind::Slice { base, from, to } => self.slice(base, from.as_deref(), to.as_deref()),
            Kind::Call { callee, arguments } => self.call(callee, arguments),
            Kind::Builtin { builtin, arguments } => self.builtin(builtin, arguments),
            Kind::Loop { name, list, predicate, extra } => {
                self.run_loop(*name, list, predicate.as_deref(), extra.as_deref())
            }
            Kind::Let { name, value, body } => self.declaration(name, value, body),
            Kind::Sequence(nodes) => self.sequence(nodes),
            Kind::Conditional { condition, then, otherwise } => self.conditional(condition, then.as_deref(), otherwise),
            Kind::List(items) => self.list(items),
            Kind::Map(pairs) => self.map(pairs),
        }
    }

    fn name(&mut self, name: &str) -> Evaluated {
        if let Some((_, value)) = self.variables.iter().rev().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        if name == "$env" {
            return Ok(Value::Map(self.environment()?));
        }
        Ok(self.in_environment(name).unwrap_or(Value::Nil))
    }

    fn in_environment(&self, name: &str) -> Option<Value> {
        if name == "result" {
            return Some(self.result.clone());
        }
        builtins::environment_signature(name).map(|signature| Value::Function(signature.go_type))
    }

    fn environment(&self) -> Result<Map, Fault> {
        let mut entries = BTreeMap::from([(Key::Text(Arc::from("result")), self.result.clone())]);
        for signature in builtins::signatures() {
            entries.insert(Key::Text(Arc::from(signature.name)), Value::Function(signature.go_type));
        }
        Map::new(MapKind::Text, entries)
    }

    fn pointer(&mut self, name: &str) -> Evaluated {
        let Some(scope) = self.scopes.last() else { return Ok(Value::Nil) };
        Ok(match name {
            "index" => Value::size(scope.index),
            "acc" => scope.accumulator.clone(),
            _ => scope.items.get(scope.index).cloned().unwrap_or(Value::Nil),
        })
    }

    fn unary(&mut self, operator: Unary, operand: &'t Node) -> Evaluated {
        let value = self.value(operand)?;
        match operator {
            Unary::Not(_) => Ok(Value::Bool(!value.truth()?)),
            Unary::Plus => Ok(value),
            Unary::Minus => match value {
                Value::Float(number) => Ok(Value::Float(-number)),
                Value::Int(number) => Ok(Value::Int(number.wrapping_neg())),
                Value::Int64(number) => Ok(Value::Int64(number.wrapping_neg())),
                other => Err(Fault::new(format!("invalid operation: - {}", other.go_type())).into()),
            },
        }
    }

    fn comparison(&mut self, first: &'t Node, rest: &'t [(Order, Node)]) -> Evaluated {
        let mut left = self.value(first)?;
        for (order, node) in rest {
            let right = self.value(node)?;
            if !compare::in_order(&left, *order, &right, &mut self.meter)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn member(&mut self, base: &'t Node, property: &'t Node, optional: bool) -> Evaluated {
        let base = self.value(base)?;
        if optional && matches!(base, Value::Nil) {
            return Err(Halt::ChainEnded);
        }
        let property = self.value(property)?;
        Ok(access::fetch(&base, &property)?)
    }

    fn chain(&mut self, inner: &'t Node) -> Evaluated {
        match self.value(inner) {
            Err(Halt::ChainEnded) => Ok(Value::Nil),
            other => other,
        }
    }

    fn slice(&mut self, base: &'t Node, from: Option<&'t Node>, to: Option<&'t Node>) -> Evaluated {
        let base = self.value(base)?;
        let to = match to {
            Some(to) => self.value(to)?,
            None => access::end(&base)?,
        };
        let from = match from {
            Some(from) => self.value(from)?,
            None => Value::Int(0),
        };
        Ok(access::slice(&base, &from, &to, &mut self.meter)?)
    }

    fn declaration(&mut self, name: &'t str, value: &'t Node, body: &'t Node) -> Evaluated {
        let value = self.value(value)?;
        self.variables.push((name, value));
        let found = self.value(body)?;
        self.variables.pop();
        Ok(found)
    }

    fn sequence(&mut self, nodes: &'t [Node]) -> Evaluated {
        let mut last = Value::Nil;
        for node in nodes {
            last = self.value(node)?;
        }
        Ok(last)
    }

    fn conditional(&mut self, condition: &'t Node, then: Option<&'t Node>, otherwise: &'t Node) -> Evaluated {
        let test = self.value(condition)?;
        match (test.truth()?, then) {
            (true, Some(then)) => self.value(then),
            (true, None) => Ok(test),
            (false, _) => self.value(otherwise),
        }
    }

    fn list(&mut self, nodes: &'t [Node]) -> Evaluated {
        self.meter.elements(nodes.len())?;
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            items.push(self.value(node)?);
        }
        Ok(Value::list(ListKind::Any, items)?)
    }

    fn map(&mut self, pairs: &'t [(Node, Node)]) -> Evaluated {
        self.meter.elements(pairs.len())?;
        let mut entries = BTreeMap::new();
        for (key, value) in pairs {
            let key = self.value(key)?;
            let value = self.value(value)?;
            key.text()?;
            // Of two equal keys the first one counts.
            entries.entry(Key::of(&key)?).or_insert(value);
        }
        Ok(Value::map(MapKind::Text, entries)?)
    }
}

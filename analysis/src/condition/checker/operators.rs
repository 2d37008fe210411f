//! Which types the operators take, and what they make of them.

use super::{Checked, Checker};
use crate::condition::{
    pattern::Pattern,
    tree::{Kind, Node, Operator, Order},
    types::Type,
    value::ListKind,
};

/// A family of operands that an operator takes. Of an unknown operand, the other one decides.
type Family = fn(&Type) -> bool;

const NUMBER: Family = Type::is_number;
const INTEGER: Family = Type::is_integer;
const BOOL: Family = Type::is_bool;
const TEXT: Family = Type::is_text;
const TIME: Family = |known| matches!(known, Type::Time);
const DURATION: Family = |known| matches!(known, Type::Duration);

/// May the two go together for all that is known of them, one being unknown?
fn may_fit(left: &Type, right: &Type, families: &[Family]) -> bool {
    let fits = |known: &Type| families.iter().any(|is_in| is_in(known));
    match (left.is_unknown(), right.is_unknown()) {
        (true, true) => true,
        (true, false) => fits(right),
        (false, true) => fits(left),
        (false, false) => false,
    }
}

fn both(left: &Type, right: &Type, family: Family) -> bool {
    family(left) && family(right)
}

impl Checker {
    /// A chain of operations, from left to right.
    pub(super) fn operations(&mut self, first: &mut Node, rest: &mut [(Operator, Node)]) -> Checked {
        let mut left = self.visit(first)?;
        let mut dividend = matches!(first.kind, Kind::Int(_));
        for (operator, node) in rest {
            let right = self.visit(node)?;
            if *operator == Operator::Matches {
                compile_pattern(node)?;
            }
            left = operation(*operator, &left, &right)?;
            if *operator == Operator::Remainder && dividend && matches!(node.kind, Kind::Int(0)) {
                self.division_by_zero = true;
            }
            dividend = false;
        }
        Ok(left)
    }

    /// Neighbouring pairs, each of which must have an order.
    pub(super) fn comparison(&mut self, first: &mut Node, rest: &mut [(Order, Node)]) -> Checked {
        let mut left = self.visit(first)?;
        for (order, node) in rest {
            let right = self.visit(node)?;
            let has_order = [NUMBER, TEXT, TIME, DURATION].into_iter().any(|family| both(&left, &right, family))
                || may_fit(&left, &right, &[NUMBER, TEXT, TIME, DURATION]);
            if !has_order {
                return Err(mismatched(order.written(), &left, &right));
            }
            left = right;
        }
        Ok(Type::Bool)
    }
}

fn mismatched(operator: &str, left: &Type, right: &Type) -> String {
    format!("invalid operation: {operator} (mismatched types {} and {})", left.name(), right.name())
}

/// A constant pattern is compiled once, and a wrong one is refused here.
fn compile_pattern(node: &mut Node) -> Result<(), String> {
    if let Kind::Text(text) = &node.kind {
        node.kind = Kind::Pattern(Pattern::compile(text)?);
    }
    Ok(())
}

fn operation(operator: Operator, left: &Type, right: &Type) -> Checked {
    let result = match operator {
        Operator::Or(_) | Operator::And(_) => {
            (both(left, right, BOOL) || may_fit(left, right, &[BOOL])).then_some(Type::Bool)
        }
        Operator::Equal | Operator::NotEqual => left.is_comparable_to(right).then_some(Type::Bool),
        Operator::In => return membership(left, right),
        Operator::Matches => {
            let matchable = (left.is_text() || matches!(left, Type::Bytes)) && right.is_text();
            (matchable || may_fit(left, right, &[TEXT])).then_some(Type::Bool)
        }
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            (both(left, right, TEXT) || may_fit(left, right, &[TEXT])).then_some(Type::Bool)
        }
        Operator::Range => {
            let is_range = both(left, right, INTEGER) || may_fit(left, right, &[INTEGER]);
            is_range.then(|| Type::List(ListKind::Any, Type::Int.into()))
        }
        Operator::Add => sum(left, right),
        Operator::Subtract => difference(left, right),
        Operator::Multiply => product(left, right),
        Operator::Divide | Operator::Power(_) => {
            (both(left, right, NUMBER) || may_fit(left, right, &[NUMBER])).then_some(Type::Float)
        }
        Operator::Remainder => (both(left, right, INTEGER) || may_fit(left, right, &[INTEGER])).then_some(Type::Int),
        Operator::Coalesce => Some(coalesced(left, right)),
    };
    result.ok_or_else(|| mismatched(operator.written(), left, right))
}

/// Two numbers make a float if one of them is one.
fn numbers(left: &Type, right: &Type) -> Option<Type> {
    both(left, right, NUMBER).then(|| if left.is_integer() && right.is_integer() { Type::Int } else { Type::Float })
}

fn sum(left: &Type, right: &Type) -> Option<Type> {
    numbers(left, right).or_else(|| match (left, right) {
        (Type::Text, Type::Text) => Some(Type::Text),
        (Type::Time, Type::Duration) | (Type::Duration, Type::Time) => Some(Type::Time),
        (Type::Duration, Type::Duration) => Some(Type::Duration),
        _ => may_fit(left, right, &[NUMBER, TEXT, TIME, DURATION]).then_some(Type::Unknown),
    })
}

fn difference(left: &Type, right: &Type) -> Option<Type> {
    numbers(left, right).or_else(|| match (left, right) {
        (Type::Time, Type::Time) | (Type::Duration, Type::Duration) => Some(Type::Duration),
        (Type::Time, Type::Duration) => Some(Type::Time),
        _ => may_fit(left, right, &[NUMBER, TIME, DURATION]).then_some(Type::Unknown),
    })
}

fn product(left: &Type, right: &Type) -> Option<Type> {
    let scales = |known: &Type| known.is_number() || DURATION(known);
    numbers(left, right).or_else(|| {
        if scales(left) && scales(right) {
            return Some(Type::Duration);
        }
        may_fit(left, right, &[NUMBER, DURATION]).then_some(Type::Unknown)
    })
}

fn coalesced(left: &Type, right: &Type) -> Type {
    match (left.is_nil(), right.is_nil()) {
        (true, _) => right.clone(),
        (false, true) => left.clone(),
        (false, false) if right.is_assignable_to(left) => left.clone(),
        (false, false) => Type::Unknown,
    }
}

fn membership(left: &Type, right: &Type) -> Checked {
    // A time has no fields that could be asked for by name, but the question is understood.
    if matches!(right, Type::Time) && (left.is_text() || left.is_unknown()) {
        return Ok(Type::Bool);
    }
    if right.is_map() {
        let key = right.key();
        if !left.is_unknown() && !left.is_assignable_to(&key) {
            return Err(format!("cannot use {} as type {} in map key", left.name(), key.name()));
        }
        return Ok(Type::Bool);
    }
    if right.is_list() {
        let element = right.element();
        if !left.is_comparable_to(&element) {
            return Err(format!("cannot use {} as type {} in array", left.name(), element.name()));
        }
        return Ok(Type::Bool);
    }
    if left.is_unknown() && right.is_text() || right.is_unknown() {
        return Ok(Type::Bool);
    }
    Err(mismatched("in", left, right))
}

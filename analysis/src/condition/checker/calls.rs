//! Which arguments functions take.

use std::cmp::Ordering;

use super::{Checked, Checker};
use crate::condition::{
    builtins::{Builtin, Rule},
    tree::{Kind, Node, Operator},
    types::{Simple, Type},
};

impl Checker {
    /// A call of something that is no built-in function.
    pub(super) fn call(&mut self, callee: &mut Node, arguments: &mut [Node]) -> Checked {
        let found = self.visit(callee)?;
        let name = called_name(callee);
        match found {
            Type::Function(signature) => self.single(&name, signature.parameters, signature.result, arguments),
            Type::Nil => Err(format!("{name} is nil; cannot call nil as function")),
            unknown if unknown.is_unknown() || matches!(unknown, Type::BareBuiltin) => {
                self.all(arguments)?;
                Ok(Type::Unknown)
            }
            other => Err(format!("{} is not callable", other.name())),
        }
    }

    pub(super) fn builtin(&mut self, builtin: &Builtin, arguments: &mut [Node]) -> Checked {
        if let Rule::Overloads([only]) = &builtin.rule {
            return self.single(builtin.name, only.parameters, only.result, arguments);
        }
        let types = self.all(arguments)?;
        match &builtin.rule {
            Rule::Own(rule) => rule(&types),
            Rule::Element => self.element(arguments, &types),
            Rule::Overloads(overloads) => {
                let mut refusal = format!("no matching overload for {}", builtin.name);
                for overload in *overloads {
                    match fit_all(builtin.name, overload.parameters, arguments, &types) {
                        Ok(()) => return Ok(Type::from(overload.result)),
                        Err(reason) => refusal = reason,
                    }
                }
                Err(refusal)
            }
        }
    }

    /// With one list of parameters, the first argument that does not fit is reported before the next is looked at.
    fn single(&mut self, name: &str, parameters: &[Simple], result: Simple, arguments: &mut [Node]) -> Checked {
        if arguments.len() != parameters.len() {
            self.all(arguments)?;
            count(name, arguments.len(), parameters.len())?;
        }
        for (node, parameter) in arguments.iter_mut().zip(parameters) {
            let found = self.visit(node)?;
            fit(name, *parameter, node, &found)?;
        }
        Ok(Type::from(result))
    }

    fn all(&mut self, arguments: &mut [Node]) -> Result<Vec<Type>, String> {
        arguments.iter_mut().map(|argument| self.visit(argument)).collect()
    }

    /// The rule of `get`.
    fn element(&self, arguments: &[Node], types: &[Type]) -> Checked {
        let ([base_node, index_node], [base, index]) = (arguments, types) else {
            return Err(format!("invalid number of arguments (expected 2, got {})", types.len()));
        };
        if let (Kind::Name(name), Kind::Text(field)) = (&base_node.kind, &index_node.kind)
            && name == "$env"
        {
            return Ok(self.environment(field).unwrap_or(Type::Unknown));
        }
        if base.is_unknown() {
            return Ok(Type::Unknown);
        }
        if base.is_list() {
            if !index.is_integer() && !index.is_unknown() {
                return Err(format!("non-integer slice index {}", index.name()));
            }
            return Ok(base.element());
        }
        if base.is_map() {
            if !index.is_assignable_to(&base.key()) && !index.is_unknown() {
                return Err(format!("cannot use {} to get an element from {}", index.name(), base.name()));
            }
            return Ok(base.element());
        }
        Err(format!("type {} does not support indexing", base.name()))
    }
}

fn called_name(callee: &Node) -> String {
    match &callee.kind {
        Kind::Name(name) => name.clone(),
        Kind::Member { property, .. } => match &property.kind {
            Kind::Text(name) => name.to_string(),
            _ => "function".to_string(),
        },
        _ => "function".to_string(),
    }
}

fn count(name: &str, found: usize, wanted: usize) -> Result<(), String> {
    match found.cmp(&wanted) {
        Ordering::Greater => Err(format!("too many arguments to call {name}")),
        Ordering::Less => Err(format!("not enough arguments to call {name}")),
        Ordering::Equal => Ok(()),
    }
}

fn fit_all(name: &str, parameters: &[Simple], arguments: &mut [Node], types: &[Type]) -> Result<(), String> {
    count(name, arguments.len(), parameters.len())?;
    for ((node, found), parameter) in arguments.iter_mut().zip(types).zip(parameters) {
        fit(name, *parameter, node, found)?;
    }
    Ok(())
}

/// Does the argument fit the parameter? Integers that are written out become floats where floats are wanted.
fn fit(name: &str, parameter: Simple, node: &mut Node, found: &Type) -> Result<(), String> {
    let wanted = Type::from(parameter);
    match (parameter, found) {
        (Simple::Float, found) if found.is_integer() => {
            to_float(node);
            Ok(())
        }
        (Simple::Int, found) if found.is_integer() => Ok(()),
        (Simple::Any, _) => Ok(()),
        (_, Type::Nil) => Err(format!("cannot use nil as argument (type {}) to call {name}", wanted.name())),
        (_, found) if found.is_unknown() || found.is_assignable_to(&wanted) => Ok(()),
        // The blank at the end is part of the message that people know.
        (_, found) => Err(format!("cannot use {} as argument (type {}) to call {name} ", found.name(), wanted.name())),
    }
}

fn to_float(node: &mut Node) {
    match &mut node.kind {
        Kind::Int(number) => node.kind = Kind::Float(*number as f64),
        Kind::Unary { operand, .. } => to_float(operand),
        Kind::Operations { first, rest } => {
            for (operator, right) in rest.iter_mut().rev() {
                if !matches!(operator, Operator::Add | Operator::Subtract | Operator::Multiply) {
                    return;
                }
                to_float(right);
            }
            to_float(first);
        }
        _ => {}
    }
}

//! Finds out what an expression's parts are before there are values, and refuses what can never work.
//!
//! A typo in a condition must be found when the template is read, not at the first measurement. What is not known is
//! let through. It also compiles constant patterns and turns integers into floats where a function wants them.

mod calls;
mod loops;
mod operators;

use super::{
    builtins::{self, Builtin},
    methods,
    tree::{Kind, Loop, Node, Unary},
    types::Type,
    value::MapKind,
};

/// Checks a tree for a result of this type, and says what the expression is.
pub(super) fn check(node: &mut Node, result: Type) -> Result<Type, String> {
    let mut checker = Checker { result, variables: Vec::new(), scopes: Vec::new(), division_by_zero: false };
    let found = checker.visit(node)?;
    // Types come first: this is found when constants are folded.
    if checker.division_by_zero { Err("integer divide by zero".to_string()) } else { Ok(found) }
}

struct Checker {
    result: Type,
    variables: Vec<(String, Type)>,
    scopes: Vec<Scope>,
    division_by_zero: bool,
}

/// What `#` and its like are in a predicate.
struct Scope {
    list: Type,
    has_index: bool,
    has_accumulator: bool,
}

type Checked = Result<Type, String>;

impl Checker {
    fn visit(&mut self, node: &mut Node) -> Checked {
        match &mut node.kind {
            Kind::Nil => Ok(Type::Nil),
            Kind::Bool(_) => Ok(Type::Bool),
            Kind::Int(_) => Ok(Type::Int),
            Kind::Float(_) => Ok(Type::Float),
            Kind::Text(_) | Kind::Pattern(_) => Ok(Type::Text),
            Kind::Bytes(_) => Ok(Type::Bytes),
            Kind::Name(name) => self.name(name),
            Kind::Pointer(name) => self.pointer(name),
            Kind::Unary { operator, operand } => self.unary(*operator, operand),
            Kind::Operations { first, rest } => self.operations(first, rest),
            Kind::Comparison { first, rest } => self.comparison(first, rest),
            Kind::Member { base, property, optional, called } => self.member(base, property, *optional, *called),
            Kind::Chain(inner) => self.visit(inner),
            Kind::Slice { base, from, to } => self.slice(base, from.as_deref_mut(), to.as_deref_mut()),
            Kind::Call { callee, arguments } => self.call(callee, arguments),
            Kind::Builtin { builtin, arguments } => self.builtin(builtin, arguments),
            Kind::Loop { name, list, predicate, extra } => {
                self.run_loop(*name, list, predicate.as_deref_mut(), extra.as_deref_mut())
            }
            Kind::Let { name, value, body } => self.declaration(name, value, body),
            Kind::Sequence(nodes) => self.sequence(nodes),
            Kind::Conditional { condition, then, otherwise } => {
                self.conditional(condition, then.as_deref_mut(), otherwise)
            }
            Kind::List(items) => self.list(items),
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(key)?;
                    self.visit(value)?;
                }
                Ok(Type::Map(MapKind::Text))
            }
        }
    }

    fn name(&self, name: &str) -> Checked {
        if let Some((_, found)) = self.variables.iter().rev().find(|(known, _)| known == name) {
            return Ok(found.clone());
        }
        if name == "$env" {
            return Ok(Type::Unknown);
        }
        if let Some(found) = self.environment(name) {
            return Ok(found);
        }
        if is_builtin(name) { Ok(Type::BareBuiltin) } else { Err(format!("unknown name {name}")) }
    }

    /// What a measurement brings along.
    fn environment(&self, name: &str) -> Option<Type> {
        if name == "result" {
            return Some(self.result.clone());
        }
        builtins::environment_signature(name).map(Type::Function)
    }

    fn pointer(&self, name: &str) -> Checked {
        let Some(scope) = self.scopes.last() else {
            return Err("cannot use pointer accessor outside predicate".to_string());
        };
        match name {
            "" if scope.list.is_unknown() => Ok(Type::Unknown),
            "" => Ok(scope.list.element()),
            "index" if scope.has_index => Ok(Type::Int),
            "acc" if scope.has_accumulator => Ok(Type::Unknown),
            _ => Err(format!("unknown pointer #{name}")),
        }
    }

    fn unary(&mut self, operator: Unary, operand: &mut Node) -> Checked {
        let found = self.visit(operand)?;
        match operator {
            Unary::Not(_) if found.is_bool() || found.is_unknown() => Ok(Type::Bool),
            Unary::Minus | Unary::Plus if found.is_number() => Ok(found),
            Unary::Minus | Unary::Plus if found.is_unknown() => Ok(Type::Unknown),
            _ => Err(format!("invalid operation: {} (mismatched type {})", operator.written(), found.name())),
        }
    }

    fn member(&mut self, base: &mut Node, property: &mut Node, optional: bool, called: bool) -> Checked {
        if matches!(&base.kind, Kind::Name(name) if name == "$env") {
            return self.member_of_environment(property, optional);
        }
        let found = self.visit(base)?;
        let index = self.visit(property)?;
        if found.is_unknown() {
            return Ok(Type::Unknown);
        }
        let name = if let Kind::Text(name) = &property.kind { Some(name.clone()) } else { None };
        if let Some(name) = &name {
            if found.is_nil() {
                return Err(format!("type nil has no field {name}"));
            }
            if let Some(signature) = methods::of_type(&found, name) {
                return Ok(Type::Function(signature));
            }
        }
        if found.is_map() {
            if index.is_assignable_to(&found.key()) || index.is_unknown() {
                return Ok(found.element());
            }
            return Err(format!("cannot use {} to get an element from {}", index.name(), found.name()));
        }
        if found.is_list() {
            if index.is_integer() || index.is_unknown() {
                return Ok(found.element());
            }
            return Err(format!("array elements can only be selected using an integer (got {})", index.name()));
        }
        Err(match name {
            Some(name) => format!("type {} has no {} {name}", found.name(), if called { "method" } else { "field" }),
            None => format!("type {}[{}] is undefined", found.name(), index.name()),
        })
    }

    fn member_of_environment(&mut self, property: &mut Node, optional: bool) -> Checked {
        let Kind::Text(name) = &property.kind else {
            self.visit(property)?;
            return Ok(Type::Unknown);
        };
        match self.environment(name) {
            Some(found) => Ok(found),
            None if optional => Ok(Type::Unknown),
            None => Err(format!("unknown name {name}")),
        }
    }

    fn slice(&mut self, base: &mut Node, from: Option<&mut Node>, to: Option<&mut Node>) -> Checked {
        let found = self.visit(base)?;
        if !found.is_unknown() && !found.is_list() && !found.is_text() {
            return Err(format!("cannot slice {}", found.name()));
        }
        for bound in [from, to].into_iter().flatten() {
            let index = self.visit(bound)?;
            if !found.is_unknown() && !index.is_integer() && !index.is_unknown() {
                return Err(format!("non-integer slice index {}", index.name()));
            }
        }
        Ok(if found.is_unknown() { Type::Unknown } else { found })
    }

    fn declaration(&mut self, name: &str, value: &mut Node, body: &mut Node) -> Checked {
        if self.environment(name).is_some() {
            return Err(format!("cannot redeclare {name}"));
        }
        if is_builtin(name) {
            return Err(format!("cannot redeclare builtin {name}"));
        }
        if self.variables.iter().any(|(known, _)| known == name) {
            return Err(format!("cannot redeclare variable {name}"));
        }
        let found = self.visit(value)?;
        self.variables.push((name.to_string(), found));
        let checked = self.visit(body);
        self.variables.pop();
        checked
    }

    fn sequence(&mut self, nodes: &mut [Node]) -> Checked {
        let mut last = Type::Unknown;
        for node in nodes {
            last = self.visit(node)?;
        }
        Ok(last)
    }

    fn conditional(&mut self, condition: &mut Node, then: Option<&mut Node>, otherwise: &mut Node) -> Checked {
        let test = self.visit(condition)?;
        if !test.is_bool() && !test.is_unknown() {
            return Err(format!("non-bool expression (type {}) used as condition", test.name()));
        }
        let then = match then {
            Some(then) => self.visit(then)?,
            None => test,
        };
        let otherwise = self.visit(otherwise)?;
        Ok(match (then.is_nil(), otherwise.is_nil()) {
            (true, true) => Type::Nil,
            (true, false) => otherwise,
            (false, true) => then,
            (false, false) if then.is_assignable_to(&otherwise) => unified(then, &otherwise),
            (false, false) => Type::Unknown,
        })
    }

    fn list(&mut self, items: &mut [Node]) -> Checked {
        let mut previous: Option<Type> = None;
        let mut is_uniform = true;
        for item in items {
            let current = self.visit(item)?;
            is_uniform &= previous.is_none_or(|previous| previous.family() == current.family());
            previous = Some(current);
        }
        Ok(if is_uniform { Type::list_of(previous.unwrap_or(Type::Unknown)) } else { Type::any_list() })
    }
}

/// Two lists of one name may still hold different things.
fn unified(then: Type, otherwise: &Type) -> Type {
    let (left, right) = (then.element(), otherwise.element());
    let differ = !left.is_assignable_to(&right) || !right.is_assignable_to(&left);
    if then.is_list() && otherwise.is_list() && differ { Type::any_list() } else { then }
}

fn is_builtin(name: &str) -> bool {
    Loop::named(name).is_some() || Builtin::named(name).is_some()
}

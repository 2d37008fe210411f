//! What the functions with a predicate take and return.

use super::{Checked, Checker, Scope};
use crate::condition::{
    tree::{Loop, Node},
    types::Type,
    value::MapKind,
};

impl Checker {
    pub(super) fn run_loop(
        &mut self,
        name: Loop,
        list: &mut Node,
        predicate: Option<&mut Node>,
        extra: Option<&mut Node>,
    ) -> Checked {
        let list = self.visit(list)?;
        if !list.is_list() && !list.is_unknown() {
            return Err(format!("builtin {} takes only array (got {})", name.name(), list.name()));
        }
        let returned = match predicate {
            Some(predicate) => Some(self.predicate(name, &list, predicate)?),
            None => None,
        };
        if let Some(extra) = extra {
            let found = self.visit(extra)?;
            if name == Loop::SortBy && !found.is_text() && !found.is_unknown() {
                return Err(format!("sortBy order argument must be a string (got {})", found.name()));
            }
        }
        Ok(result(name, list, returned))
    }

    /// What the predicate returns for one element.
    fn predicate(&mut self, name: Loop, list: &Type, predicate: &mut Node) -> Checked {
        self.scopes.push(Scope {
            list: list.clone(),
            has_index: matches!(name, Loop::Map | Loop::Reduce),
            has_accumulator: name == Loop::Reduce,
        });
        let returned = self.visit(predicate);
        self.scopes.pop();
        let returned = returned?;
        if returned.is_nil() {
            let inputs = if name == Loop::Reduce { "two" } else { "one" };
            return Err(format!("predicate should has {inputs} input and one output param"));
        }
        if wants_bool(name) && !returned.is_bool() && !returned.is_unknown() {
            return Err(format!("predicate should return boolean (got {})", returned.name()));
        }
        Ok(returned)
    }
}

fn wants_bool(name: Loop) -> bool {
    match name {
        Loop::All
        | Loop::None
        | Loop::Any
        | Loop::One
        | Loop::Filter
        | Loop::Count
        | Loop::Find
        | Loop::FindIndex
        | Loop::FindLast
        | Loop::FindLastIndex => true,
        Loop::Map | Loop::Sum | Loop::GroupBy | Loop::SortBy | Loop::Reduce => false,
    }
}

fn result(name: Loop, list: Type, returned: Option<Type>) -> Type {
    let element = || if list.is_unknown() { Type::Unknown } else { list.element() };
    match name {
        Loop::All | Loop::None | Loop::Any | Loop::One => Type::Bool,
        Loop::Count | Loop::FindIndex | Loop::FindLastIndex => Type::Int,
        Loop::Filter if list.is_unknown() => Type::any_list(),
        Loop::Filter => Type::list_of(list.element()),
        Loop::Find | Loop::FindLast => element(),
        Loop::Map => Type::list_of(returned.unwrap_or(Type::Unknown)),
        Loop::Sum => match returned {
            Some(returned) if returned.is_unknown() => Type::Any,
            Some(returned) => returned,
            None => element(),
        },
        Loop::GroupBy => Type::Map(MapKind::Groups),
        Loop::SortBy => list,
        Loop::Reduce => returned.unwrap_or(Type::Unknown),
    }
}

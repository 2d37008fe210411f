//! Calls: of functions, through pipes, and those whose argument is a predicate.

use super::{Parsed, Parser};
use crate::condition::{
    builtins::Builtin,
    tree::{Kind, Loop, Node},
};

impl Parser<'_> {
    /// `left | name(…)`: the left side becomes the first argument.
    pub(super) fn pipe(&mut self, left: Node) -> Parsed {
        let name = self.expect_identifier()?;
        self.call(&name, Some(left))
    }

    /// The arguments of a function whose name is behind us.
    pub(super) fn call(&mut self, name: &str, piped: Option<Node>) -> Parsed {
        if let Some(name) = Loop::named(name) {
            return self.loop_call(name, piped);
        }
        if let Some(builtin) = Builtin::named(name) {
            let arguments = self.arguments(piped)?;
            return self.node(Kind::Builtin { builtin, arguments });
        }
        let callee = Box::new(self.node(Kind::Name(name.to_string()))?);
        let arguments = self.arguments(piped)?;
        self.node(Kind::Call { callee, arguments })
    }

    /// Arguments in parentheses, after a piped one.
    pub(super) fn arguments(&mut self, piped: Option<Node>) -> Result<Vec<Node>, String> {
        let offset = usize::from(piped.is_some());
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        self.expect_bracket('(')?;
        while !self.current.is_bracket(')') {
            if arguments.len() > offset {
                self.expect_operator(",")?;
                if self.current.is_bracket(')') {
                    break;
                }
            }
            arguments.push(self.expression(0)?);
        }
        self.expect_bracket(')')?;
        Ok(arguments)
    }

    fn loop_call(&mut self, name: Loop, piped: Option<Node>) -> Parsed {
        self.expect_bracket('(')?;
        // A predicate is the second argument, a piped list the first.
        let wanted = if name.has_extra() { 3 } else { 2 } - usize::from(piped.is_some());
        let too_few = format!("expected at least {wanted} arguments");
        let is_first = piped.is_none();
        let list = match piped {
            Some(list) => list,
            None if self.current.is_bracket(')') => return Err(too_few),
            None => self.expression(0)?,
        };
        let mut predicate = None;
        if !self.current.is_bracket(')') {
            if is_first {
                self.expect_operator(",")?;
            }
            predicate = Some(Box::new(self.predicate()?));
        } else if !name.has_optional_predicate() {
            return Err(too_few);
        }
        let mut extra = None;
        if name.has_extra() && !self.current.is_bracket(')') {
            self.expect_operator(",")?;
            if !self.current.is_bracket(')') {
                extra = Some(Box::new(self.expression(0)?));
            }
        }
        if self.current.is_operator(",") {
            self.advance()?;
        }
        self.expect_bracket(')')?;
        self.node(Kind::Loop { name, list: Box::new(list), predicate, extra })
    }

    /// An expression in which `#` is the element, with or without braces around it.
    fn predicate(&mut self) -> Parsed {
        let braced = self.current.is_bracket('{');
        if braced {
            self.advance()?;
        }
        self.predicates += 1;
        let node = if braced { self.sequence()? } else { self.expression(0)? };
        self.predicates -= 1;
        if braced {
            self.expect_bracket('}')?;
        } else if self.current.is_operator(";") {
            return Err("wrap predicate with brackets { and }".to_string());
        }
        Ok(node)
    }
}

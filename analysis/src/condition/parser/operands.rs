//! What stands between operators: literals, names, brackets, and what may follow them: `.field`, `[0]`, `[1:2]`.

use std::sync::Arc;

use super::{Parsed, Parser};
use crate::condition::{
    lexer::{Token, is_name_char},
    show::quote,
    tree::{Kind, Node, Unary},
};

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Parsed {
        if let Some((operator, precedence)) = self.unary() {
            self.advance()?;
            let operand = Box::new(self.expression(precedence)?);
            let node = self.node(Kind::Unary { operator, operand })?;
            return self.postfix(node);
        }
        if self.current.is_bracket('(') {
            self.advance()?;
            let node = self.sequence()?;
            self.expect_bracket(')')?;
            return self.postfix(node);
        }
        if self.predicates > 0 && (self.current.is_operator("#") || self.current.is_operator(".")) {
            let node = self.pointer()?;
            return self.postfix(node);
        }
        if self.current.is_operator("::") {
            self.advance()?;
            let name = self.expect_identifier()?;
            let node = self.call(&name, None)?;
            return self.postfix(node);
        }
        self.literal()
    }

    fn unary(&self) -> Option<(Unary, u16)> {
        let Token::Operator(written) = &self.current else { return None };
        match written.as_str() {
            "not" => Some((Unary::Not("not"), 50)),
            "!" => Some((Unary::Not("!"), 50)),
            "-" => Some((Unary::Minus, 90)),
            "+" => Some((Unary::Plus, 90)),
            _ => None,
        }
    }

    /// `#`, `#acc`, or nothing before the dot of `.field`.
    fn pointer(&mut self) -> Parsed {
        let mut name = String::new();
        if self.current.is_operator("#") {
            self.advance()?;
            if let Token::Identifier(found) = &self.current {
                name = found.clone();
                self.advance()?;
            }
        }
        self.node(Kind::Pointer(name))
    }

    /// Numbers, truth values and nil stand alone: nothing may follow them without parentheses.
    fn literal(&mut self) -> Parsed {
        let node = match self.current.clone() {
            Token::Number(digits) => {
                self.advance()?;
                let kind = number(&digits)?;
                return self.node(kind);
            }
            Token::Identifier(name) => {
                self.advance()?;
                match name.as_str() {
                    "true" => return self.node(Kind::Bool(true)),
                    "false" => return self.node(Kind::Bool(false)),
                    "nil" => return self.node(Kind::Nil),
                    _ if self.current.is_bracket('(') => self.call(&name, None)?,
                    _ => self.node(Kind::Name(name))?,
                }
            }
            Token::Text(text) => {
                self.advance()?;
                self.node(Kind::Text(Arc::from(text)))?
            }
            Token::Bytes(bytes) => {
                self.advance()?;
                self.node(Kind::Bytes(Arc::from(bytes)))?
            }
            Token::Bracket('[') => self.list()?,
            Token::Bracket('{') => self.map()?,
            Token::Operator(_) | Token::Bracket(_) | Token::End => return Err(self.unexpected()),
        };
        self.postfix(node)
    }

    fn list(&mut self) -> Parsed {
        self.expect_bracket('[')?;
        let mut items = Vec::new();
        while !self.current.is_bracket(']') {
            if !items.is_empty() {
                self.expect_operator(",")?;
                if self.current.is_bracket(']') {
                    break;
                }
            }
            items.push(self.expression(0)?);
        }
        self.expect_bracket(']')?;
        self.node(Kind::List(items))
    }

    fn map(&mut self) -> Parsed {
        self.expect_bracket('{')?;
        let mut pairs = Vec::new();
        while !self.current.is_bracket('}') {
            if !pairs.is_empty() {
                self.expect_operator(",")?;
                if self.current.is_bracket('}') {
                    break;
                }
            }
            let key = match self.current.clone() {
                Token::Number(name) | Token::Text(name) | Token::Identifier(name) => {
                    self.advance()?;
                    self.node(Kind::Text(Arc::from(name)))?
                }
                Token::Bracket('(') => self.expression(0)?,
                Token::Operator(comma) if comma == "," && !pairs.is_empty() => return Err(self.unexpected()),
                _ => {
                    return Err(format!(
                        "a map key must be a quoted string, a number, a identifier, or an expression enclosed in \
                         parentheses ({})",
                        self.unexpected()
                    ));
                }
            };
            self.expect_operator(":")?;
            pairs.push((key, self.expression(0)?));
        }
        self.expect_bracket('}')?;
        self.node(Kind::Map(pairs))
    }

    /// Everything that may follow an operand.
    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let optional = self.current.is_operator("?.");
            if optional || self.current.is_operator(".") {
                self.advance()?;
                node = if optional && self.current.is_bracket('[') {
                    self.index(node, true)?
                } else {
                    self.member(node, optional)?
                };
            } else if self.current.is_bracket('[') {
                node = self.index(node, false)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// `.name` or `.name(…)`, the dot of which is behind us. A chain that was begun goes on over it.
    fn member(&mut self, node: Node, optional: bool) -> Parsed {
        let name = match &self.current {
            Token::Identifier(name) => name.clone(),
            // Words that are operators elsewhere may name a field.
            Token::Operator(word) if word.chars().all(is_name_char) => word.clone(),
            Token::End => return Err("unexpected end of expression".to_string()),
            _ => {
                self.advance()?;
                return Err("expected name".to_string());
            }
        };
        self.advance()?;
        let (base, in_chain) = match node.kind {
            Kind::Chain(inner) => (inner, true),
            kind => (Box::new(Node { kind, depth: node.depth }), false),
        };
        let property = Box::new(self.node(Kind::Text(Arc::from(name)))?);
        let called = self.current.is_bracket('(');
        let mut member = self.node(Kind::Member { base, property, optional, called })?;
        if called {
            let arguments = self.arguments(None)?;
            member = self.node(Kind::Call { callee: Box::new(member), arguments })?;
        }
        if in_chain || optional { self.node(Kind::Chain(Box::new(member))) } else { Ok(member) }
    }

    /// `[0]` or `[1:2]`.
    fn index(&mut self, base: Node, optional: bool) -> Parsed {
        self.expect_bracket('[')?;
        let base = Box::new(base);
        let from = if self.current.is_operator(":") { None } else { Some(Box::new(self.expression(0)?)) };
        if self.current.is_operator(":") {
            self.advance()?;
            let to = if self.current.is_bracket(']') { None } else { Some(Box::new(self.expression(0)?)) };
            self.expect_bracket(']')?;
            return self.node(Kind::Slice { base, from, to });
        }
        let Some(property) = from else { return Err(self.unexpected()) };
        self.expect_bracket(']')?;
        let member = self.node(Kind::Member { base, property, optional, called: false })?;
        if optional { self.node(Kind::Chain(Box::new(member))) } else { Ok(member) }
    }
}

/// The value of a number's digits.
fn number(written: &str) -> Result<Kind, String> {
    let digits = written.replace('_', "");
    let lower = digits.to_ascii_lowercase();
    let radix = |prefix: &str, radix: u32, name: &str| {
        lower.strip_prefix(prefix).map(|rest| integer(&digits, rest, radix, name))
    };
    if let Some(kind) = radix("0x", 16, "hex") {
        return kind;
    }
    if lower.contains(['.', 'e']) {
        let refused = |why| format!("invalid float literal: strconv.ParseFloat: parsing {}: {why}", quote(&digits));
        let number: f64 = digits.parse().map_err(|_| refused("invalid syntax"))?;
        return if number.is_finite() { Ok(Kind::Float(number)) } else { Err(refused("value out of range")) };
    }
    radix("0b", 2, "binary")
        .or_else(|| radix("0o", 8, "octal"))
        .unwrap_or_else(|| integer(&digits, &digits, 10, "integer"))
}

fn integer(written: &str, digits: &str, radix: u32, name: &str) -> Result<Kind, String> {
    i64::from_str_radix(digits, radix).map(Kind::Int).map_err(|error| {
        let why = match error.kind() {
            std::num::IntErrorKind::PosOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("invalid {name} literal: strconv.ParseInt: parsing {}: {why}", quote(written))
    })
}

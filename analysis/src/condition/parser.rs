//! Turns the text of an expression into a tree: operators, declarations and conditionals.
//!
//! Precedence climbing, one token ahead. It refuses expressions that are too large or nest too deeply, and checks no
//! types. Operands and calls are in files of their own.

mod calls;
mod operands;

use super::{
    lexer::{Lexer, Token},
    limits::{MAX_NESTING, MAX_NODES, MAX_TREE_DEPTH},
    tree::{Kind, Node, Operator, Order, Unary},
};

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser =
        Parser { lexer: Lexer::new(text), current: Token::End, held: None, nodes: 0, nesting: 0, predicates: 0 };
    parser.advance()?;
    let node = parser.sequence()?;
    match parser.current {
        Token::End => Ok(node),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    current: Token,
    /// The token after `current`, if it was already read.
    held: Option<Token>,
    nodes: usize,
    nesting: usize,
    /// How many predicates are open: `#` means something in them only.
    predicates: usize,
}

type Parsed = Result<Node, String>;

/// What a token does between two operands.
enum Infix {
    Pipe,
    Order(Order),
    Operator(Operator),
}

/// The operator, how tightly it binds, and whether it binds to the right.
fn infix(token: &Token) -> Option<(Infix, u16, bool)> {
    let Token::Operator(written) = token else { return None };
    let left = |operator, precedence| Some((Infix::Operator(operator), precedence, false));
    match written.as_str() {
        "|" => Some((Infix::Pipe, 0, false)),
        "or" => left(Operator::Or("or"), 10),
        "||" => left(Operator::Or("||"), 10),
        "and" => left(Operator::And("and"), 15),
        "&&" => left(Operator::And("&&"), 15),
        "==" => left(Operator::Equal, 20),
        "!=" => left(Operator::NotEqual, 20),
        "<" => Some((Infix::Order(Order::Less), 20, false)),
        "<=" => Some((Infix::Order(Order::LessOrEqual), 20, false)),
        ">" => Some((Infix::Order(Order::More), 20, false)),
        ">=" => Some((Infix::Order(Order::MoreOrEqual), 20, false)),
        "in" => left(Operator::In, 20),
        "matches" => left(Operator::Matches, 20),
        "contains" => left(Operator::Contains, 20),
        "startsWith" => left(Operator::StartsWith, 20),
        "endsWith" => left(Operator::EndsWith, 20),
        ".." => left(Operator::Range, 25),
        "+" => left(Operator::Add, 30),
        "-" => left(Operator::Subtract, 30),
        "*" => left(Operator::Multiply, 60),
        "/" => left(Operator::Divide, 60),
        "%" => left(Operator::Remainder, 60),
        "**" => Some((Infix::Operator(Operator::Power("**")), 100, true)),
        "^" => Some((Infix::Operator(Operator::Power("^")), 100, true)),
        "??" => left(Operator::Coalesce, 500),
        _ => None,
    }
}

/// May `not` stand before the operator?
fn is_negatable(token: &Token) -> bool {
    let Token::Operator(written) = token else { return false };
    matches!(written.as_str(), "in" | "matches" | "contains" | "startsWith" | "endsWith")
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<(), String> {
        self.current = match self.held.take() {
            Some(token) => token,
            None => self.lexer.next()?,
        };
        Ok(())
    }

    fn unexpected(&self) -> String {
        format!("unexpected token {}", self.current.shown())
    }

    fn expect_operator(&mut self, wanted: &str) -> Result<(), String> {
        if self.current.is_operator(wanted) { self.advance() } else { Err(self.unexpected()) }
    }

    fn expect_bracket(&mut self, wanted: char) -> Result<(), String> {
        if self.current.is_bracket(wanted) { self.advance() } else { Err(self.unexpected()) }
    }

    fn expect_identifier(&mut self) -> Result<String, String> {
        let Token::Identifier(name) = &self.current else { return Err(self.unexpected()) };
        let name = name.clone();
        self.advance()?;
        Ok(name)
    }

    /// Every node is made here, so that every node is counted.
    fn node(&mut self, kind: Kind) -> Parsed {
        let depth = kind.child_depth().saturating_add(1);
        self.node_of_depth(kind, depth)
    }

    fn node_of_depth(&mut self, kind: Kind, depth: u16) -> Parsed {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err("compilation failed: expression exceeds maximum allowed nodes".to_string());
        }
        if depth > MAX_TREE_DEPTH { Err(too_deep()) } else { Ok(Node { kind, depth }) }
    }

    /// Runs a rule one level deeper.
    fn nested(&mut self, rule: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.nesting >= MAX_NESTING {
            return Err(too_deep());
        }
        self.nesting += 1;
        let parsed = rule(self);
        self.nesting -= 1;
        parsed
    }

    /// Expressions separated by semicolons. The value is the last one's.
    fn sequence(&mut self) -> Parsed {
        let first = self.expression(0)?;
        let mut nodes = vec![first];
        while self.current.is_operator(";") {
            self.advance()?;
            if self.current == Token::End {
                break;
            }
            nodes.push(self.expression(0)?);
        }
        match (nodes.pop(), nodes.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                nodes.push(last);
                self.node(Kind::Sequence(nodes))
            }
            (None, _) => Err(self.unexpected()),
        }
    }

    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u16) -> Parsed {
        self.nested(|parser| {
            if least == 0 && parser.current.is_operator("let") {
                return parser.declaration();
            }
            if least == 0 && parser.current.is_operator("if") {
                return parser.if_else();
            }
            let node = parser.operations(least)?;
            if least == 0 { parser.ternary(node) } else { Ok(node) }
        })
    }

    fn operations(&mut self, least: u16) -> Parsed {
        let mut left = self.primary()?;
        let mut after_coalesce = false;
        loop {
            let negated = self.current.is_operator("not");
            if negated && !self.skip_not(least)? {
                return Ok(left);
            }
            let Some((infix, precedence, binds_right)) = infix(&self.current) else { return Ok(left) };
            if precedence < least {
                return Ok(left);
            }
            let written = match &self.current {
                Token::Operator(written) => written.clone(),
                _ => String::new(),
            };
            self.advance()?;
            let is_coalesce = matches!(infix, Infix::Operator(Operator::Coalesce));
            if after_coalesce && !is_coalesce && !matches!(infix, Infix::Pipe) {
                return Err(format!(
                    "Operator ({written}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses."
                ));
            }
            after_coalesce = is_coalesce;
            left = match infix {
                Infix::Pipe => self.pipe(left)?,
                Infix::Order(order) => self.comparison(left, order, precedence)?,
                Infix::Operator(operator) => {
                    let right = self.expression(if binds_right { precedence } else { precedence + 1 })?;
                    self.operation(left, operator, right)?
                }
            };
            if negated {
                left = self.node(Kind::Unary { operator: Unary::Not("not"), operand: Box::new(left) })?;
            }
        }
    }

    /// Skips the `not` of `not in` and the like, if the operator after it belongs to this expression.
    fn skip_not(&mut self, least: u16) -> Result<bool, String> {
        let not = self.current.clone();
        self.advance()?;
        if !is_negatable(&self.current) {
            return Err(self.unexpected());
        }
        if infix(&self.current).is_some_and(|(_, precedence, _)| precedence >= least) {
            return Ok(true);
        }
        self.held = Some(std::mem::replace(&mut self.current, not));
        Ok(false)
    }

    /// Adds an operation. One that continues to the left is kept flat.
    fn operation(&mut self, left: Node, operator: Operator, right: Node) -> Parsed {
        match left.kind {
            Kind::Operations { first, mut rest } => {
                // Looking through the whole chain for each link would take quadratic time.
                let depth = left.depth.max(right.depth.saturating_add(1));
                rest.push((operator, right));
                self.node_of_depth(Kind::Operations { first, rest }, depth)
            }
            kind => {
                let first = Box::new(Node { kind, depth: left.depth });
                self.node(Kind::Operations { first, rest: vec![(operator, right)] })
            }
        }
    }

    /// `a < b <= c`, the first operator of which is behind us.
    fn comparison(&mut self, first: Node, order: Order, precedence: u16) -> Parsed {
        let mut rest = vec![(order, self.expression(precedence + 1)?)];
        while let Some((Infix::Order(order), ..)) = infix(&self.current) {
            self.advance()?;
            rest.push((order, self.expression(precedence + 1)?));
        }
        self.node(Kind::Comparison { first: Box::new(first), rest })
    }

    fn declaration(&mut self) -> Parsed {
        self.expect_operator("let")?;
        let name = self.expect_identifier()?;
        self.expect_operator("=")?;
        let value = Box::new(self.expression(0)?);
        self.expect_operator(";")?;
        let body = Box::new(self.sequence()?);
        self.node(Kind::Let { name, value, body })
    }

    fn if_else(&mut self) -> Parsed {
        self.expect_operator("if")?;
        let condition = Box::new(self.expression(0)?);
        let then = Some(Box::new(self.block()?));
        self.expect_operator("else")?;
        let otherwise = if self.current.is_operator("if") { self.nested(Self::if_else)? } else { self.block()? };
        self.node(Kind::Conditional { condition, then, otherwise: Box::new(otherwise) })
    }

    fn block(&mut self) -> Parsed {
        self.expect_bracket('{')?;
        let node = self.sequence()?;
        self.expect_bracket('}')?;
        Ok(node)
    }

    fn ternary(&mut self, mut node: Node) -> Parsed {
        while self.current.is_operator("?") {
            self.advance()?;
            let then = if self.current.is_operator(":") { None } else { Some(Box::new(self.expression(0)?)) };
            self.expect_operator(":")?;
            let otherwise = Box::new(self.expression(0)?);
            node = self.node(Kind::Conditional { condition: Box::new(node), then, otherwise })?;
        }
        Ok(node)
    }
}

fn too_deep() -> String {
    format!("compilation failed: expression nests more than {MAX_NESTING} levels")
}

//! What an expression is once it is parsed.
//!
//! The tree is plain data. Chains that lean to the left (`a || b || c`) are kept flat, so that a long one is not a
//! deep one; every node knows its depth, and the parser refuses what is too deep.

use std::sync::Arc;

use super::{builtins::Builtin, pattern::Pattern};

/// A node and the number of levels below and including it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) depth: u16,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// The right side of a `matches`, compiled by the checker.
    Pattern(Pattern),
    Name(String),
    /// `#` (empty), `#acc`, `#index`.
    Pointer(String),
    Unary {
        operator: Unary,
        operand: Box<Node>,
    },
    /// `a + b - c`: applied from left to right.
    Operations {
        first: Box<Node>,
        rest: Vec<(Operator, Node)>,
    },
    /// `a < b <= c`: true if each neighbouring pair is in order.
    Comparison {
        first: Box<Node>,
        rest: Vec<(Order, Node)>,
    },
    Member {
        base: Box<Node>,
        property: Box<Node>,
        optional: bool,
        called: bool,
    },
    /// The reach of a `?.`: where it ends when it finds nothing.
    Chain(Box<Node>),
    Slice {
        base: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    Call {
        callee: Box<Node>,
        arguments: Vec<Node>,
    },
    Builtin {
        builtin: &'static Builtin,
        arguments: Vec<Node>,
    },
    Loop {
        name: Loop,
        list: Box<Node>,
        predicate: Option<Box<Node>>,
        extra: Option<Box<Node>>,
    },
    Let {
        name: String,
        value: Box<Node>,
        body: Box<Node>,
    },
    Sequence(Vec<Node>),
    Conditional {
        condition: Box<Node>,
        /// Absent in `a ?: b`, where it is the condition itself.
        then: Option<Box<Node>>,
        otherwise: Box<Node>,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Kind {
    /// The depth of the deepest child.
    pub(super) fn child_depth(&self) -> u16 {
        fn all(nodes: &[Node]) -> u16 {
            nodes.iter().map(|node| node.depth).max().unwrap_or(0)
        }
        fn optional(node: &Option<Box<Node>>) -> u16 {
            node.as_ref().map_or(0, |node| node.depth)
        }
        match self {
            Kind::Nil
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Bytes(_)
            | Kind::Pattern(_)
            | Kind::Name(_)
            | Kind::Pointer(_) => 0,
            Kind::Unary { operand, .. } => operand.depth,
            Kind::Operations { first, rest } => {
                first.depth.max(rest.iter().map(|(_, node)| node.depth).max().unwrap_or(0))
            }
            Kind::Comparison { first, rest } => {
                first.depth.max(rest.iter().map(|(_, node)| node.depth).max().unwrap_or(0))
            }
            Kind::Member { base, property, .. } => base.depth.max(property.depth),
            Kind::Chain(inner) => inner.depth,
            Kind::Slice { base, from, to } => base.depth.max(optional(from)).max(optional(to)),
            Kind::Call { callee, arguments } => callee.depth.max(all(arguments)),
            Kind::Builtin { arguments, .. } => all(arguments),
            Kind::Loop { list, predicate, extra, .. } => list.depth.max(optional(predicate)).max(optional(extra)),
            Kind::Let { value, body, .. } => value.depth.max(body.depth),
            Kind::Sequence(nodes) | Kind::List(nodes) => all(nodes),
            Kind::Conditional { condition, then, otherwise } => {
                condition.depth.max(optional(then)).max(otherwise.depth)
            }
            Kind::Map(pairs) => pairs.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    /// `!` or `not`, as written.
    Not(&'static str),
    Minus,
    Plus,
}

impl Unary {
    pub(super) fn written(self) -> &'static str {
        match self {
            Unary::Not(written) => written,
            Unary::Minus => "-",
            Unary::Plus => "+",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `or` or `||`, as written.
    Or(&'static str),
    /// `and` or `&&`, as written.
    And(&'static str),
    Equal,
    NotEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    /// `**` or `^`, as written.
    Power(&'static str),
    Coalesce,
}

impl Operator {
    pub(super) fn written(self) -> &'static str {
        match self {
            Operator::Or(written) | Operator::And(written) | Operator::Power(written) => written,
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::In => "in",
            Operator::Matches => "matches",
            Operator::Contains => "contains",
            Operator::StartsWith => "startsWith",
            Operator::EndsWith => "endsWith",
            Operator::Range => "..",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Coalesce => "??",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

impl Order {
    pub(super) fn written(self) -> &'static str {
        match self {
            Order::Less => "<",
            Order::LessOrEqual => "<=",
            Order::More => ">",
            Order::MoreOrEqual => ">=",
        }
    }
}

/// The functions that run an expression once for each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    All,
    None,
    Any,
    One,
    Filter,
    Map,
    Count,
    Sum,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    GroupBy,
    SortBy,
    Reduce,
}

impl Loop {
    const ALL: [(&'static str, Loop); 15] = [
        ("all", Loop::All),
        ("none", Loop::None),
        ("any", Loop::Any),
        ("one", Loop::One),
        ("filter", Loop::Filter),
        ("map", Loop::Map),
        ("count", Loop::Count),
        ("sum", Loop::Sum),
        ("find", Loop::Find),
        ("findIndex", Loop::FindIndex),
        ("findLast", Loop::FindLast),
        ("findLastIndex", Loop::FindLastIndex),
        ("groupBy", Loop::GroupBy),
        ("sortBy", Loop::SortBy),
        ("reduce", Loop::Reduce),
    ];

    pub(super) fn named(name: &str) -> Option<Loop> {
        Loop::ALL.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
    }

    pub(super) fn name(self) -> &'static str {
        Loop::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// May the predicate be left out?
    pub(super) fn has_optional_predicate(self) -> bool {
        matches!(self, Loop::Count | Loop::Sum)
    }

    /// Does it take one more argument: an order, a start value?
    pub(super) fn has_extra(self) -> bool {
        matches!(self, Loop::SortBy | Loop::Reduce)
    }
}

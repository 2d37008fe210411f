//! What is known of a value before there is one: the types that the checker computes with.
//!
//! The names are those of the library that existing manifests were written for. Two types are unknown: one without a
//! name of its own, and `interface {}`, the element of a JSON list.

use std::sync::Arc;

use super::{
    Shape,
    value::{ListKind, MapKind},
};

#[derive(Debug, Clone)]
pub(super) enum Type {
    Unknown,
    Any,
    Nil,
    Bool,
    Int,
    Int64,
    Float,
    Text,
    Bytes,
    Time,
    Duration,
    Month,
    Weekday,
    Zone,
    /// A list and what its elements are known to be, which its name may not tell.
    List(ListKind, Arc<Type>),
    Map(MapKind),
    Function(&'static Signature),
    /// A built-in function that is not called.
    BareBuiltin,
}

/// A type that needs no element type; what signatures are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Simple {
    Any,
    Bool,
    Int,
    Int64,
    Float,
    Text,
    Time,
    Duration,
    Month,
    Weekday,
    Zone,
    AnyList,
    IntList,
    FloatList,
    TextList,
}

/// A function of the environment or a method.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) go_type: &'static str,
    pub(super) parameters: &'static [Simple],
    pub(super) result: Simple,
}

impl From<Simple> for Type {
    fn from(simple: Simple) -> Self {
        match simple {
            Simple::Any => Type::Any,
            Simple::Bool => Type::Bool,
            Simple::Int => Type::Int,
            Simple::Int64 => Type::Int64,
            Simple::Float => Type::Float,
            Simple::Text => Type::Text,
            Simple::Time => Type::Time,
            Simple::Duration => Type::Duration,
            Simple::Month => Type::Month,
            Simple::Weekday => Type::Weekday,
            Simple::Zone => Type::Zone,
            Simple::AnyList => Type::any_list(),
            Simple::IntList => Type::List(ListKind::Int, Arc::new(Type::Int)),
            Simple::FloatList => Type::List(ListKind::Float, Arc::new(Type::Float)),
            Simple::TextList => Type::List(ListKind::Text, Arc::new(Type::Text)),
        }
    }
}

impl From<Shape> for Type {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Any => Type::Unknown,
            Shape::Nil => Type::Nil,
            Shape::Bool => Type::Bool,
            Shape::Float => Type::Float,
            Shape::Floats => Type::from(Simple::FloatList),
            Shape::Text => Type::Text,
            Shape::List => Type::any_list(),
            Shape::Map => Type::Map(MapKind::Text),
        }
    }
}

impl Type {
    pub(super) fn any_list() -> Type {
        Type::List(ListKind::Any, Arc::new(Type::Any))
    }

    pub(super) fn list_of(element: Type) -> Type {
        Type::List(ListKind::Any, Arc::new(element))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Type::Unknown | Type::Nil => "unknown",
            Type::Any => "interface {}",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Int64 => "int64",
            Type::Float => "float64",
            Type::Text => "string",
            Type::Bytes => "[]uint8",
            Type::Time => "time.Time",
            Type::Duration => "time.Duration",
            Type::Month => "time.Month",
            Type::Weekday => "time.Weekday",
            Type::Zone => "*time.Location",
            Type::List(kind, _) => kind.go_type(),
            Type::Map(kind) => kind.go_type(),
            Type::Function(signature) => signature.go_type,
            Type::BareBuiltin => "func(...interface {}) (interface {}, error)",
        }
    }

    /// The name inside the message of a built-in function that checks its own arguments.
    pub(super) fn name_as_argument(&self) -> &'static str {
        match self {
            Type::Nil => "%!s(<nil>)",
            Type::Unknown => "interface {}",
            known => known.name(),
        }
    }

    /// The family of the type: elements of one family make a list of one type.
    pub(super) fn family(&self) -> &'static str {
        match self {
            Type::Unknown | Type::Nil => "invalid",
            Type::Any => "interface",
            Type::Duration | Type::Int64 => "int64",
            Type::Int | Type::Month | Type::Weekday => "int",
            Type::Time => "struct",
            Type::Zone => "ptr",
            Type::List(..) | Type::Bytes => "slice",
            Type::Map(_) => "map",
            Type::Function(_) | Type::BareBuiltin => "func",
            Type::Bool | Type::Float | Type::Text => self.name(),
        }
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Type::Nil)
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Type::Unknown | Type::Any)
    }

    pub(super) fn is_integer(&self) -> bool {
        matches!(self, Type::Int | Type::Int64)
    }

    pub(super) fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Type::Float)
    }

    pub(super) fn is_list(&self) -> bool {
        self.family() == "slice"
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self, Type::Map(_))
    }

    pub(super) fn is_bool(&self) -> bool {
        matches!(self, Type::Bool)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Type::Text)
    }

    /// What an element is, of a list or a map.
    pub(super) fn element(&self) -> Type {
        match self {
            Type::List(_, element) => element.as_ref().clone(),
            Type::Bytes => Type::Int,
            Type::Map(MapKind::Groups) => Type::any_list(),
            Type::Map(_) => Type::Any,
            _ => Type::Unknown,
        }
    }

    /// The type of a map's keys.
    pub(super) fn key(&self) -> Type {
        match self {
            Type::Map(MapKind::Text) => Type::Text,
            _ => Type::Any,
        }
    }

    /// May a value of this type stand where `target` is wanted?
    pub(super) fn is_assignable_to(&self, target: &Type) -> bool {
        if self.is_nil() {
            return matches!(target.family(), "interface" | "map" | "slice" | "func" | "ptr");
        }
        match (self, target) {
            (Type::Unknown, _) | (_, Type::Unknown | Type::Nil) => false,
            (_, Type::Any) => true,
            _ => self.name() == target.name(),
        }
    }

    /// May the two be compared with `==`?
    pub(super) fn is_comparable_to(&self, other: &Type) -> bool {
        self.is_unknown()
            || other.is_unknown()
            || self.is_nil()
            || other.is_nil()
            || self.is_number() && other.is_number()
            || self.is_list() && other.is_list()
            || self.is_assignable_to(other)
    }
}

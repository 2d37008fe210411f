//! Reads `fields.txt`: which fields each part of a pod template has, in which order, and when one is left out.
//!
//! The table is parsed once, on first use. A line that makes no sense would become a field that is never written;
//! the test below keeps such a line from being checked in.

use std::{collections::BTreeMap, sync::OnceLock};

const TABLE: &str = include_str!("fields.txt");

/// The shape of a whole pod template.
pub(super) const POD_TEMPLATE: &str = "PodTemplateSpec";
/// The shape of one canary step.
pub(super) const CANARY_STEP: &str = "CanaryStep";

/// What a value is, as far as writing it is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// true or false.
    Flag,
    /// A whole number.
    Integer,
    /// An amount with a unit, such as `500m` or `2Gi`.
    Quantity,
    /// A number or text, such as a port.
    IntegerOrText,
    /// A moment, in whole seconds.
    Time,
    /// A moment, in microseconds.
    MicroTime,
    /// Anything, written as it is.
    Raw,
    /// A struct: an index into the shapes.
    Struct(usize),
    /// A value that may be absent.
    Optional(Box<Kind>),
    /// A list.
    List(Box<Kind>),
    /// A map from text.
    Map(Box<Kind>),
}

/// One field of a shape.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Left out when it is empty.
    pub(super) omit_empty: bool,
}

/// Every shape of the table.
#[derive(Debug)]
pub(super) struct Shapes {
    names: BTreeMap<&'static str, usize>,
    fields: Vec<Vec<Field>>,
}

impl Shapes {
    /// The fields of a shape, in order.
    pub(super) fn fields(&self, shape: usize) -> &[Field] {
        self.fields.get(shape).map_or(&[], Vec::as_slice)
    }

    /// The kind of a shape that is known by name.
    pub(super) fn named(&self, name: &str) -> Kind {
        self.names.get(name).map_or(Kind::Raw, |&shape| Kind::Struct(shape))
    }
}

/// The table, parsed.
pub(super) fn shapes() -> &'static Shapes {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();
    SHAPES.get_or_init(|| parse(TABLE))
}

fn parse(table: &'static str) -> Shapes {
    let lines = || table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let names: BTreeMap<&str, usize> =
        lines().filter(|line| !line.starts_with(' ')).enumerate().map(|(position, name)| (name, position)).collect();
    let mut fields: Vec<Vec<Field>> = Vec::with_capacity(names.len());
    for line in lines() {
        if !line.starts_with(' ') {
            fields.push(Vec::new());
            continue;
        }
        let mut words = line.split_whitespace();
        if let (Some(shape), Some(name), Some(kind)) = (fields.last_mut(), words.next(), words.next())
            && let Some(kind) = parse_kind(kind, &names)
        {
            shape.push(Field { name, kind, omit_empty: words.next() == Some("?") });
        }
    }
    Shapes { names, fields }
}

fn parse_kind(text: &str, names: &BTreeMap<&str, usize>) -> Option<Kind> {
    if let Some(inner) = text.strip_prefix('*') {
        return parse_kind(inner, names).map(|kind| Kind::Optional(Box::new(kind)));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return parse_kind(inner, names).map(|kind| Kind::List(Box::new(kind)));
    }
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return parse_kind(inner, names).map(|kind| Kind::Map(Box::new(kind)));
    }
    Some(match text {
        "string" => Kind::Text,
        "bool" => Kind::Flag,
        "int" => Kind::Integer,
        "quantity" => Kind::Quantity,
        "intOrString" => Kind::IntegerOrText,
        "time" => Kind::Time,
        "microTime" => Kind::MicroTime,
        "raw" => Kind::Raw,
        shape => Kind::Struct(*names.get(shape)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let written = TABLE.lines().filter(|line| line.starts_with(' ') && !line.trim().is_empty()).count();
        let shapes = shapes();
        assert_eq!(shapes.fields.iter().map(Vec::len).sum::<usize>(), written);
        assert_eq!(shapes.fields.len(), shapes.names.len(), "a shape is named twice");
        for name in [POD_TEMPLATE, CANARY_STEP] {
            assert!(matches!(shapes.named(name), Kind::Struct(_)), "{name}");
        }
    }

    #[test]
    fn a_container_begins_with_its_name_and_always_has_resources() {
        let shapes = shapes();
        let Kind::Struct(container) = shapes.named("Container") else { panic!("no Container") };
        let fields = shapes.fields(container);
        assert_eq!(fields[0].name, "name");
        assert!(!fields[0].omit_empty);
        let resources = fields.iter().find(|field| field.name == "resources").expect("containers have resources");
        assert!(matches!(resources.kind, Kind::Struct(_)));
    }
}

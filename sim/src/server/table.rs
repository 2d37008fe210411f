//! Tables: the rows that `kubectl get` prints.
//!
//! Custom kinds name their columns in their definition; built-in ones are in `table/built_in.rs`. Ages are computed at the
//! moment of the answer.

mod built_in;

use crate::server::{
    answer::{metadata_only, shown},
    call::Call,
    jsonpath,
    kinds::Kind,
    object,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

/// Objects as a table.
pub(crate) fn table(call: &Call, kind: &Kind, now: DateTime<Utc>, objects: &[Arc<Value>], metadata: Value) -> Value {
    let columns = columns_of(kind);
    let with_object = call.option("includeObject").unwrap_or("Metadata");
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let part = match with_object {
                "None" => Value::Null,
                "Object" => shown(kind, object).into_owned(),
                _ => metadata_only(object),
            };
            let cells: Vec<Value> = columns.iter().map(|column| column.cell(object, now)).collect();
            json!({ "cells": cells, "object": part })
        })
        .collect();
    let definitions: Vec<Value> = columns.iter().map(Column::definition).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}

/// What a cell shows.
type Cell = fn(&Value, DateTime<Utc>) -> Value;

/// A column and how its cells come about.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    name: String,
    kind: String,
    format: String,
    description: String,
    priority: i64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Path(String),
    Cell(Cell),
}

impl Column {
    fn new(name: &str, kind: &str, priority: i64, cell: Cell) -> Column {
        Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            format: if name == "Name" { "name".to_owned() } else { String::new() },
            description: String::new(),
            priority,
            source: Source::Cell(cell),
        }
    }

    fn definition(&self) -> Value {
        json!({
            "name": self.name, "type": self.kind, "format": self.format, "description": self.description,
            "priority": self.priority,
        })
    }

    fn cell(&self, object: &Value, now: DateTime<Utc>) -> Value {
        let path = match &self.source {
            Source::Cell(cell) => return cell(object, now),
            Source::Path(path) => path,
        };
        let found = jsonpath::find(path, object);
        let Some(first) = found.first().copied() else { return Value::Null };
        match self.kind.as_str() {
            "date" => first.as_str().map_or(Value::Null, |stamp| age_since(stamp, now).into()),
            "integer" => first.as_i64().map_or(Value::Null, Value::from),
            "number" => first.as_f64().map_or(Value::Null, Value::from),
            "boolean" => first.as_bool().map_or(Value::Null, Value::from),
            _ => match first {
                Value::Null => Value::Null,
                Value::String(text) => text.as_str().into(),
                other => other.to_string().into(),
            },
        }
    }
}

fn columns_of(kind: &Kind) -> Vec<Column> {
    let name = Column::new("Name", "string", 0, |object, _| object::name(object).into());
    let mut columns = vec![name];
    if !kind.custom {
        columns = built_in::columns(kind, columns);
        return columns;
    }
    columns.extend(kind.columns.iter().map(|column| Column {
        name: column.name.clone(),
        kind: column.kind.clone(),
        format: column.format.clone(),
        description: column.description.clone(),
        priority: column.priority,
        source: Source::Path(column.path.clone()),
    }));
    if kind.columns.is_empty() {
        columns.push(Column::new("Age", "date", 0, age));
    }
    columns
}

/// The age of an object.
fn age(object: &Value, now: DateTime<Utc>) -> Value {
    age_since(object::text(object, &["metadata", "creationTimestamp"]), now).into()
}

fn age_since(stamp: &str, now: DateTime<Utc>) -> String {
    match DateTime::parse_from_rfc3339(stamp) {
        Ok(then) => human(now - then.with_timezone(&Utc)),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration as kubectl shows it: two units at most, the smaller ones left out as they stop mattering.
pub(crate) fn human(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    let pair = |whole: i64, unit: char, rest: i64, small: char| {
        if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{rest}{small}") }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        i64::MIN..=-2 => "<invalid>".to_owned(),
        -1 | 0 => "0s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..600 => pair(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(hours / 24, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{}d", hours / 24),
        63_072_000..252_288_000 => pair(hours / 8760, 'y', (hours / 24) % 365, 'd'),
        _ => format!("{}y", hours / 8760),
    }
}

#[cfg(test)]
mod tests {
    use super::human;
    use chrono::TimeDelta;

    #[test]
    fn ages() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (700, "11m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (200_000, "2d7h"),
            (864_000, "10d"),
        ] {
            assert_eq!(human(TimeDelta::seconds(seconds)), text);
        }
    }
}

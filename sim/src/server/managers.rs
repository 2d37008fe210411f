//! Who owns which field of an object: `metadata.managedFields`, kept up to date at every write.
//!
//! A write by Update or Patch takes over what it changes; server-side apply owns exactly what it names.

use crate::server::{
    fields::{FieldSet, Leaves, Path, leaves_beside},
    kinds::Kind,
    object,
    shape::Shape,
};
use serde_json::{Value, json};

/// One owner of fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    /// Does it apply, or update?
    pub(crate) applies: bool,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
    pub(crate) time: String,
    pub(crate) fields: FieldSet,
}

impl Manager {
    /// Is it the same owner, whatever it owns?
    pub(crate) fn is(&self, other: &Manager) -> bool {
        self.name == other.name
            && self.applies == other.applies
            && self.subresource == other.subresource
            && (self.applies || self.api_version == other.api_version)
    }

    /// The owner as messages name it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\"{}\"", self.name);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource \"{}\"", self.subresource));
        }
        if !self.applies {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// The owners that an object names.
pub(crate) fn read(object: &Value) -> Vec<Manager> {
    let entries = object::list(object, &["metadata", "managedFields"]).iter();
    let entries = entries.filter(|entry| !object::text(entry, &["manager"]).is_empty());
    entries
        .map(|entry| Manager {
            name: object::text(entry, &["manager"]).to_owned(),
            applies: object::text(entry, &["operation"]) == "Apply",
            api_version: object::text(entry, &["apiVersion"]).to_owned(),
            subresource: object::text(entry, &["subresource"]).to_owned(),
            time: object::text(entry, &["time"]).to_owned(),
            fields: entry.get("fieldsV1").map(FieldSet::parse).unwrap_or_default(),
        })
        .collect()
}

/// Writes the owners that own something into an object.
pub(crate) fn write(object: &mut Value, managers: &[Manager]) {
    let entries: Vec<Value> = managers.iter().filter(|one| !one.fields.is_empty()).map(entry).collect();
    if entries.is_empty() {
        object::take(object, &["metadata", "managedFields"]);
    } else {
        object::put(object, &["metadata", "managedFields"], entries.into());
    }
}

fn entry(manager: &Manager) -> Value {
    let mut entry = json!({
        "manager": manager.name,
        "operation": if manager.applies { "Apply" } else { "Update" },
        "apiVersion": manager.api_version,
        "time": manager.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": manager.fields.to_json(),
    });
    if !manager.subresource.is_empty() {
        object::put(&mut entry, &["subresource"], manager.subresource.as_str().into());
    }
    entry
}

/// Do two objects name the same owners of the same fields, whenever that was?
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    if object::at(one, &["metadata", "managedFields"]) == object::at(other, &["metadata", "managedFields"]) {
        return true;
    }
    let timeless = |object: &Value| {
        let mut managers = read(object);
        managers.iter_mut().for_each(|manager| manager.time.clear());
        managers
    };
    timeless(one) == timeless(other)
}

/// Notes in `after` what an update by `writer` (who owns nothing yet) takes over and what nobody owns any more.
pub(crate) fn track_update(kind: &Kind, before: Option<&Value>, after: &mut Value, writer: Manager) {
    let nothing = Value::Null;
    let (changed, removed) = {
        let before = before.unwrap_or(&nothing);
        let old = leaves_beside(Shape::of(kind), before, after);
        let new = leaves_beside(Shape::of(kind), after, before);
        difference(&old, &new)
    };
    // A client that writes an empty list on purpose resets the owners; one that leaves them out does not.
    let given = object::at(after, &["metadata", "managedFields"]);
    let is_reset = before.is_some()
        && given.and_then(Value::as_array).is_some_and(|entries| entries.iter().all(|entry| entry == &json!({})));
    let mut managers = match given {
        _ if is_reset => Vec::new(),
        Some(_) => read(after),
        None => before.map(read).unwrap_or_default(),
    };
    if changed.is_empty() && removed.is_empty() {
        write(after, &managers);
        return;
    }
    for manager in &mut managers {
        let keeps_changed = manager.is(&writer);
        for path in changed.iter().filter(|_| !keeps_changed).chain(&removed) {
            manager.fields.remove(path);
        }
    }
    let mut own = writer;
    let position = managers.iter().position(|manager| manager.is(&own));
    if let Some(position) = position {
        own.fields = managers.remove(position).fields;
    }
    for path in &changed {
        own.fields.insert(path);
    }
    managers.push(own);
    write(after, &managers);
}

/// The paths that are new or have another value, and those that are gone.
fn difference(old: &Leaves<'_>, new: &Leaves<'_>) -> (Vec<Path>, Vec<Path>) {
    let changed = new.iter().filter(|(path, value)| old.get(*path) != Some(value)).map(|(path, _)| path.clone());
    let removed = old.keys().filter(|path| !new.contains_key(*path)).cloned();
    (changed.collect(), removed.collect())
}

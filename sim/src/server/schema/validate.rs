//! Checks an object against its structural schema and says what is wrong in Kubernetes' words.
//!
//! Of CEL only the transition rule `self == oldSelf` is known, by its text; every other rule passes. Nothing is changed.

use crate::server::{
    refusal::Cause,
    schema::{Schema, Type, join},
};
use serde_json::{Number, Value};

impl Schema {
    /// Everything that is wrong with an object, in the order of its fields.
    pub fn validate(&self, value: &Value, before: Option<&Value>) -> Vec<Cause> {
        let mut causes = Vec::new();
        self.check(value, "", &mut causes);
        if causes.is_empty() {
            self.check_rules(value, before, "", &mut causes);
        }
        causes
    }

    fn check(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        if value.is_null() && self.nullable {
            return;
        }
        if !self.has_type(value) {
            let (found, wanted) = (type_name(value), self.type_text());
            let field = if path.is_empty() { "<nil>" } else { path };
            let why =
                format!("{} in body must be of type {wanted}: \"{found}\"", if path.is_empty() { "" } else { path });
            causes.push(Cause::wrong_type(field, found, why.trim_start()));
            return;
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let allowed: Vec<String> = self.allowed.iter().map(plain_text).collect();
            causes.push(Cause::unsupported(path, value, &allowed));
        }
        match value {
            Value::Object(_) => self.check_object(value, path, causes),
            Value::Array(elements) => self.check_list(elements, path, causes),
            Value::String(text) => self.check_text(text, path, causes),
            Value::Number(number) => self.check_number(number, path, causes),
            Value::Null | Value::Bool(_) => {}
        }
        self.check_alternatives(value, path, causes);
    }

    fn has_type(&self, value: &Value) -> bool {
        if self.int_or_string {
            return value.is_string() || is_integer(value);
        }
        match self.kind {
            Type::Any => true,
            Type::Object => value.is_object(),
            Type::Array => value.is_array(),
            Type::String => value.is_string(),
            Type::Integer => is_integer(value),
            Type::Number => value.is_number(),
            Type::Boolean => value.is_boolean(),
        }
    }

    fn type_text(&self) -> &'static str {
        match self.kind {
            _ if self.int_or_string => "integer,string",
            Type::Any => "any",
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
        }
    }

    fn check_object(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let Some(fields) = value.as_object() else { return };
        for (key, inner) in fields {
            let is_own = path.is_empty() && matches!(key.as_str(), "apiVersion" | "kind" | "metadata");
            if let Some(schema) = self.child(key).filter(|_| !is_own) {
                schema.check(inner, &join_key(self, path, key), causes);
            }
        }
        for key in &self.required {
            if !fields.contains_key(key) {
                causes.push(Cause::required(join(path, key), ""));
            }
        }
        let count = fields.len();
        if let Some(least) = self.least_properties.filter(|&least| count < least) {
            let why = format!("{path} in body should have at least {least} properties");
            causes.push(Cause::invalid(path, &count.into(), &why));
        }
        if let Some(most) = self.most_properties.filter(|&most| count > most) {
            causes.push(too_many(path, count, most));
        }
    }

    fn check_list(&self, elements: &[Value], path: &str, causes: &mut Vec<Cause>) {
        if let Some(schema) = &self.items {
            for (index, element) in elements.iter().enumerate() {
                schema.check(element, &format!("{path}[{index}]"), causes);
            }
        }
        let count = elements.len();
        if let Some(least) = self.least_items.filter(|&least| count < least) {
            let why = format!("{path} in body should have at least {least} items");
            causes.push(Cause::invalid(path, &count.into(), &why));
        }
        if let Some(most) = self.most_items.filter(|&most| count > most) {
            causes.push(too_many(path, count, most));
        }
        self.check_duplicates(elements, path, causes);
    }

    fn check_duplicates(&self, elements: &[Value], path: &str, causes: &mut Vec<Cause>) {
        use crate::server::schema::ListRule;

        let name = |element: &Value| match &self.list_rule {
            ListRule::Atomic => None,
            ListRule::Set => Some(element.clone()),
            ListRule::Map(keys) => {
                let pairs = keys.iter().filter_map(|key| Some((key.clone(), element.get(key)?.clone())));
                Some(Value::Object(pairs.collect()))
            }
        };
        let mut seen = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let Some(name) = name(element) else { return };
            if seen.contains(&name) {
                causes.push(Cause::duplicate(format!("{path}[{index}]"), &name));
            }
            seen.push(name);
        }
    }

    fn check_text(&self, text: &str, path: &str, causes: &mut Vec<Cause>) {
        let value = Value::from(text);
        let length = text.chars().count();
        if let Some(most) = self.most_length.filter(|&most| length > most) {
            let message = format!("Too long: may not be more than {most} bytes");
            causes.push(Cause { reason: "FieldValueTooLong", message, field: path.to_owned() });
        }
        if let Some(least) = self.least_length.filter(|&least| length < least) {
            let why = format!("{path} in body should be at least {least} chars long");
            causes.push(Cause::invalid(path, &value, &why));
        }
        if let Some((pattern, regex)) = &self.pattern
            && !regex.is_match(text)
        {
            causes.push(Cause::invalid(path, &value, &format!("{path} in body should match '{pattern}'")));
        }
        if self.format == "date-time" && chrono::DateTime::parse_from_rfc3339(text).is_err() {
            causes.push(Cause::invalid(path, &value, &format!("{path} in body must be of type date-time: {value}")));
        }
    }

    fn check_number(&self, number: &Number, path: &str, causes: &mut Vec<Cause>) {
        let Some(found) = number.as_f64() else { return };
        let value = Value::Number(number.clone());
        if let Some(least) = self.minimum {
            let (holds, or_equal) =
                if self.is_minimum_exclusive { (found > least, "") } else { (found >= least, " or equal to") };
            if !holds {
                let why = format!("{path} in body should be greater than{or_equal} {least}");
                causes.push(Cause::invalid(path, &value, &why));
            }
        }
        if let Some(most) = self.maximum {
            let (holds, or_equal) =
                if self.is_maximum_exclusive { (found < most, "") } else { (found <= most, " or equal to") };
            if !holds {
                let why = format!("{path} in body should be less than{or_equal} {most}");
                causes.push(Cause::invalid(path, &value, &why));
            }
        }
        if self.format == "int32" && number.as_i64().is_some_and(|whole| i32::try_from(whole).is_err()) {
            let why = format!("{path} in body must be of type int32: \"{found}\"");
            causes.push(Cause::invalid(path, &value, &why));
        }
    }

    fn check_alternatives(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let holds = |schema: &Schema| {
            let mut inner = Vec::new();
            schema.check(value, path, &mut inner);
            inner.is_empty()
        };
        for schema in &self.all_of {
            schema.check(value, path, causes);
        }
        let blank = Value::String(String::new());
        let field = if path.is_empty() { "<nil>" } else { path };
        if !self.any_of.is_empty() && !self.int_or_string && !self.any_of.iter().any(holds) {
            let why = format!("\"{path}\" must validate at least one schema (anyOf)");
            causes.push(Cause::invalid(field, &blank, &why));
        }
        if !self.one_of.is_empty() {
            let why = match self.one_of.iter().filter(|schema| holds(schema)).count() {
                1 => None,
                0 => Some("Found none valid".to_owned()),
                count => Some(format!("Found {count} valid alternatives")),
            };
            if let Some(why) = why {
                let why = format!("\"{path}\" must validate one and only one schema (oneOf). {why}");
                causes.push(Cause::invalid(field, &blank, &why));
            }
        }
        if self.not.as_deref().is_some_and(holds) {
            causes.push(Cause::invalid(field, &blank, &format!("\"{path}\" must not validate the schema (not)")));
        }
    }

    fn check_rules(&self, value: &Value, before: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
        for rule in &self.rules {
            if rule.rule == "self == oldSelf" && before.is_some_and(|before| before != value) {
                causes.push(broken_rule(path, value, &rule.message));
            }
        }
        let Some(fields) = value.as_object() else { return };
        for (key, inner) in fields {
            if let Some(schema) = self.child(key) {
                let before = before.and_then(|before| before.get(key));
                schema.check_rules(inner, before, &join_key(self, path, key), causes);
            }
        }
    }
}

fn join_key(schema: &Schema, path: &str, key: &str) -> String {
    // Keys of maps may hold dots, so messages put them in brackets; declared fields read as a path.
    if schema.declares(key) || !key.contains('.') { join(path, key) } else { format!("{path}[{key}]") }
}

fn too_many(path: &str, count: usize, most: usize) -> Cause {
    let message = format!("Too many: {count}: must have at most {most} items");
    Cause { reason: "FieldValueTooMany", message, field: path.to_owned() }
}

fn broken_rule(path: &str, value: &Value, message: &str) -> Cause {
    // The server leaves out what is too large to show.
    if value.is_object() || value.is_array() {
        let message = format!("Invalid value: {message}");
        return Cause { reason: "FieldValueInvalid", message, field: path.to_owned() };
    }
    Cause::invalid(path, value, message)
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Schema;
    use serde_json::{Value, json};

    fn says(schema: Value, before: Option<Value>, value: Value) -> Vec<String> {
        let schema = Schema::parse(&json!({ "type": "object", "properties": { "f": schema } }));
        let before = before.map(|before| json!({ "f": before }));
        let causes = schema.validate(&json!({ "f": value }), before.as_ref());
        causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
    }

    #[test]
    fn says_what_is_wrong() {
        let rows = [
            (json!({"type": "integer"}), json!(1), ""),
            (
                json!({"type": "integer"}),
                json!("a"),
                "f: Invalid value: \"string\": f in body must be of type integer: \"string\"",
            ),
            (
                json!({"type": "string"}),
                json!(null),
                "f: Invalid value: \"null\": f in body must be of type string: \"null\"",
            ),
            (json!({"type": "string", "nullable": true}), json!(null), ""),
            (json!({"type": "object", "required": ["a"]}), json!({}), "f.a: Required value"),
            (
                json!({"type": "string", "enum": ["A", "B"]}),
                json!("C"),
                "f: Unsupported value: \"C\": supported values: \"A\", \"B\"",
            ),
            (
                json!({"type": "integer", "minimum": 0}),
                json!(-1),
                "f: Invalid value: -1: f in body should be greater than or equal to 0",
            ),
            (
                json!({"type": "integer", "maximum": 100}),
                json!(101),
                "f: Invalid value: 101: f in body should be less than or equal to 100",
            ),
            (
                json!({"type": "string", "pattern": "^a+$"}),
                json!("b"),
                "f: Invalid value: \"b\": f in body should match '^a+$'",
            ),
            (
                json!({"type": "array", "minItems": 1}),
                json!([]),
                "f: Invalid value: 0: f in body should have at least 1 items",
            ),
            (json!({"type": "array", "maxItems": 1}), json!([1, 2]), "f: Too many: 2: must have at most 1 items"),
            (
                json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
                json!("25%"),
                "",
            ),
            (
                json!({"x-kubernetes-int-or-string": true}),
                json!(true),
                "f: Invalid value: \"boolean\": f in body must be of type integer,string: \"boolean\"",
            ),
            (
                json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
                json!({}),
                "f: Invalid value: \"\": \"f\" must validate one and only one schema (oneOf). Found none valid",
            ),
        ];
        for (schema, value, expected) in rows {
            let expected: Vec<&str> = Some(expected).filter(|text| !text.is_empty()).into_iter().collect();
            assert_eq!(says(schema.clone(), None, value), expected, "{schema}");
        }
    }

    #[test]
    fn immutable_fields() {
        let schema = json!({"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}]});
        assert!(says(schema.clone(), None, json!({"a": "b"})).is_empty());
        assert!(says(schema.clone(), Some(json!({"a": "b"})), json!({"a": "b"})).is_empty());
        let said = says(schema, Some(json!({"a": "b"})), json!({"a": "c"}));
        assert_eq!(said, ["f: Invalid value: is immutable"]);
    }
}

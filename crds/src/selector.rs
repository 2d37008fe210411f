//! Label selectors: which objects a selector chooses, and its text form.

use std::collections::BTreeMap;

use crate::wire::wire;

wire! {
    /// Chooses objects by their labels. All parts must hold; an empty selector chooses everything.
    #[cfg_attr(feature = "schema", schemars(extend("x-kubernetes-map-type" = "atomic")))]
    pub struct LabelSelector {
        /// Labels that must have exactly these values.
        pub match_labels: BTreeMap<String, String>,
        /// Further requirements on labels.
        pub match_expressions: Vec<LabelSelectorRequirement>,
    }

    /// One requirement on a label.
    #[cfg_attr(feature = "schema", schemars(extend("x-kubernetes-map-type" = "atomic")))]
    pub struct LabelSelectorRequirement {
        /// The label.
        pub key: String,
        /// In, NotIn, Exists or DoesNotExist.
        pub operator: String,
        /// The values for In and NotIn; empty for the other two.
        pub values: Vec<String>,
    }
}

/// Why a selector chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The operator is not one of the four.
    #[error("{operator:?} is not a valid label selector operator")]
    Operator {
        /// What stands there.
        operator: String,
    },
    /// In or NotIn without values.
    #[error("matchExpressions for {key:?}: values must be set when the operator is In or NotIn")]
    ValuesMissing {
        /// The label.
        key: String,
    },
    /// Exists or DoesNotExist with values.
    #[error("matchExpressions for {key:?}: values must be empty when the operator is Exists or DoesNotExist")]
    ValuesGiven {
        /// The label.
        key: String,
    },
}

impl LabelSelector {
    /// Whether it has no requirement at all.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Says what is wrong with it.
    pub fn check(&self) -> Result<(), SelectorError> {
        self.match_expressions.iter().try_for_each(LabelSelectorRequirement::check)
    }

    /// Whether it chooses an object with these labels. A selector that is wrong chooses nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }

    /// The text form that clients and the API server read: `app=shop,tier in (a,b),!old`, sorted by label.
    pub fn to_query(&self) -> String {
        let mut parts: Vec<(&str, String)> =
            self.match_labels.iter().map(|(key, value)| (key.as_str(), format!("{key}={value}"))).collect();
        parts.extend(self.match_expressions.iter().map(|part| (part.key.as_str(), part.to_query())));
        parts.sort_by_key(|(key, _)| *key);
        parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
    }
}

impl LabelSelectorRequirement {
    fn check(&self) -> Result<(), SelectorError> {
        match (self.operator.as_str(), self.values.is_empty()) {
            ("In" | "NotIn", true) => Err(SelectorError::ValuesMissing { key: self.key.clone() }),
            ("Exists" | "DoesNotExist", false) => Err(SelectorError::ValuesGiven { key: self.key.clone() }),
            ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => Ok(()),
            _ => Err(SelectorError::Operator { operator: self.operator.clone() }),
        }
    }

    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        if self.check().is_err() {
            return false;
        }
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            // An object without the label is not in the list either.
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }

    fn to_query(&self) -> String {
        let mut values = self.values.clone();
        values.sort();
        let values = values.join(",");
        match self.operator.as_str() {
            "In" => format!("{} in ({values})", self.key),
            "NotIn" => format!("{} notin ({values})", self.key),
            "DoesNotExist" => format!("!{}", self.key),
            _ => self.key.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::LabelSelector;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn chooses_by_all_parts() {
        let of = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        let shop = [("app", "shop"), ("tier", "a")];
        let cases = [
            (json!({}), true),
            (json!({"matchLabels": {"app": "shop"}}), true),
            (json!({"matchLabels": {"app": "shop", "tier": "b"}}), false),
            (of("tier", "In", &["a", "b"]), true),
            (of("tier", "In", &["b"]), false),
            (of("zone", "In", &["b"]), false),
            (of("tier", "NotIn", &["a"]), false),
            (of("zone", "NotIn", &["a"]), true),
            (of("tier", "Exists", &[]), true),
            (of("zone", "Exists", &[]), false),
            (of("zone", "DoesNotExist", &[]), true),
            (of("tier", "DoesNotExist", &[]), false),
            (of("tier", "Exists", &["a"]), false),
            (of("tier", "In", &[]), false),
            (of("tier", "Near", &["a"]), false),
        ];
        for (selector, expected) in cases {
            let selector: LabelSelector = serde_json::from_value(selector).expect("reads");
            assert_eq!(selector.matches(&labels(&shop)), expected, "{selector:?}");
        }
    }

    #[test]
    fn text_form_is_sorted_by_label() {
        let selector: LabelSelector = serde_json::from_value(json!({
            "matchLabels": {"tier": "a", "app": "shop"},
            "matchExpressions": [
                {"key": "zone", "operator": "NotIn", "values": ["y", "x"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "kept", "operator": "Exists"},
                {"key": "b", "operator": "In", "values": ["2", "1"]},
            ],
        }))
        .expect("reads");
        assert_eq!(selector.to_query(), "app=shop,b in (1,2),kept,!old,tier=a,zone notin (x,y)");
    }
}

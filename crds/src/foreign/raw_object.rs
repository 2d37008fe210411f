//! Objects of routers, kept whole: a patch of a list in them starts from the observed list, with every field that we do not
//! know. Nothing but their metadata is read here.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{FieldError, ObjectMeta, Raw};

/// An object of any kind, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawObject {
    /// Standard metadata, read out of `object`.
    pub metadata: ObjectMeta,
    /// The whole object as it was observed.
    pub object: Raw,
}

impl RawObject {
    /// Keeps the object; only its metadata must be readable.
    pub fn from_value(value: &Value) -> Result<Self, FieldError> {
        Ok(Self { metadata: ObjectMeta::of_object(value)?, object: Raw::from(value) })
    }

    /// Its spec.
    pub fn spec(&self) -> Value {
        self.part("/spec")
    }

    /// Who wrote which fields.
    pub fn managed_fields(&self) -> Value {
        self.part("/metadata/managedFields")
    }

    fn part(&self, pointer: &str) -> Value {
        self.object.value().pointer_mut(pointer).map(Value::take).unwrap_or_default()
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RawObject;

    #[test]
    fn nothing_is_lost() {
        let object = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "shop", "namespace": "web", "managedFields": [{"manager": "me"}]},
            "spec": {"http": [{"route": [{"destination": {"host": "a"}, "weight": 100}], "fromTheFuture": null}]},
        });
        let service: RawObject = serde_json::from_value(object.clone()).expect("reads");
        assert_eq!(service.metadata.name, "shop");
        assert_eq!(service.spec(), object["spec"]);
        assert_eq!(service.managed_fields(), object["metadata"]["managedFields"]);
        assert_eq!(serde_json::to_value(&service).expect("writes"), object);
    }
}

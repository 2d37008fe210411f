//! The short hash that names a revision, and the one that tells whether the steps changed.
//!
//! Both are read by clients and by other controllers, and stand in the names of live ReplicaSets, so they must come
//! out as upstream's do, byte for byte: a different hash would redeploy every workload at the first look.

use serde_json::Value;

use super::{
    encode::{Purpose, encode, encode_list},
    order::{CANARY_STEP, POD_TEMPLATE},
};

/// Letters and digits that cannot spell a word by accident.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// The hash of a pod template. `collision_count` is added when an earlier hash was taken by a different template.
pub fn hash(template: &Value, collision_count: Option<i32>) -> String {
    let mut bytes = encode(POD_TEMPLATE, template, Purpose::Hash);
    if let Some(count) = collision_count {
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
    }
    short(&bytes)
}

/// The hash of the steps of a canary. Blue-green Rollouts have none: there the hash is the empty text, not this one.
pub fn steps_hash(steps: Option<&Value>) -> String {
    // An empty list is read back as no list.
    let steps = steps.filter(|steps| steps.as_array().is_none_or(|steps| !steps.is_empty()));
    short(&encode_list(CANARY_STEP, steps, Purpose::Hash))
}

fn short(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(FNV_OFFSET, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(FNV_PRIME));
    let letter = |digit: u8| ALPHABET.get(usize::from(digit) % ALPHABET.len()).copied().unwrap_or(digit);
    sum.to_string().bytes().map(|digit| char::from(letter(digit))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_hash_as_upstream_does() {
        let sized = |cpu: Value, request: Value| {
            json!({"metadata": {"labels": {"foo": "bar"}}, "spec": {"containers": [{"name": "container-name", "image": "foo/bar",
                "resources": {"limits": {"cpu": cpu, "memory": "8192M"}, "requests": {"cpu": request, "memory": "8192M"}}}]}})
        };
        let empty = json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": null}});
        let cases = [
            (empty.clone(), None, "658c46c486"),
            (json!({}), None, "658c46c486"),
            (json!(null), None, "658c46c486"),
            (json!({"unknown": 1, "spec": {"unknown": {}}}), None, "658c46c486"),
            (empty, Some(1), "6746d5bbc"),
            (sized(json!("2000m"), json!("150m")), None, "6f496f9f78"),
            (sized(json!("2"), json!(0.15)), None, "6f496f9f78"),
            (sized(json!(2), json!("0.15")), None, "6f496f9f78"),
        ];
        for (template, collision_count, expected) in cases {
            assert_eq!(hash(&template, collision_count), expected, "{template}");
        }
    }

    #[test]
    fn older_releases_hashed_a_null_timestamp_too() {
        assert_eq!(short(br#"{"metadata":{"creationTimestamp":null},"spec":{"containers":null}}"#), "76bbb58f74");
    }

    #[test]
    fn steps_hash_as_upstream_does() {
        let cases = [
            (Some(json!([{"pause": {}}])), "6b9b86fbd5"),
            (Some(json!([{"pause": {}}, {"pause": {}}])), "79c9b9f6bf"),
            (Some(json!([])), "5ffbfbbd64"),
            (None, "5ffbfbbd64"),
        ];
        for (steps, expected) in cases {
            assert_eq!(steps_hash(steps.as_ref()), expected, "{steps:?}");
        }
    }
}

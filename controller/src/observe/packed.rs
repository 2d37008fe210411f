//! Objects at rest: compressed text instead of a tree of fields.
//!
//! A Rollout or a ReplicaSet costs ten or five KB as a struct and one as this; most of them are looked at once in many
//! minutes. Opening one takes some ten microseconds. Nothing here knows what the objects mean.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, marker::PhantomData, sync::Arc};
use thiserror::Error;

/// Little is gained by more.
const EFFORT: u32 = 3;

/// An object, packed or as it is.
pub(crate) enum Kept<T> {
    /// As it is: opening it costs nothing.
    Whole(Arc<T>),
    /// Compressed JSON.
    Packed {
        /// The compressed text.
        bytes: Box<[u8]>,
        /// Bytes of the text.
        length: usize,
        /// What it is a text of.
        of: PhantomData<T>,
    },
}

/// Why an object cannot be packed or opened; neither happens to objects that were read from JSON.
#[derive(Debug, Error)]
pub(crate) enum PackError {
    #[error("it cannot be packed")]
    Write(#[source] serde_json::Error),
    #[error("it cannot be opened")]
    Read(#[source] serde_json::Error),
    #[error("it cannot be compressed")]
    Compress(#[from] flate2::CompressError),
    #[error("it cannot be expanded")]
    Expand(#[from] flate2::DecompressError),
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(_) => out.write_str("Whole"),
            Self::Packed { bytes, length, .. } => write!(out, "Packed({length} in {})", bytes.len()),
        }
    }
}

impl<T: Serialize + DeserializeOwned> Kept<T> {
    /// Packs it.
    pub(crate) fn pack(object: &T) -> Result<Self, PackError> {
        let text = serde_json::to_vec(object).map_err(PackError::Write)?;
        let length = text.len();
        let bytes = if cfg!(debug_assertions) { text } else { compressed(&text)? };
        Ok(Self::Packed { bytes: bytes.into(), length, of: PhantomData })
    }

    /// The object.
    pub(crate) fn open(&self) -> Result<Arc<T>, PackError> {
        match self {
            Self::Whole(object) => Ok(Arc::clone(object)),
            Self::Packed { bytes, length, .. } => {
                let read = |text: &[u8]| serde_json::from_slice(text).map(Arc::new).map_err(PackError::Read);
                if cfg!(debug_assertions) { read(bytes) } else { read(&expanded(bytes, *length)?) }
            }
        }
    }
}

// A build that is not optimised keeps the text as it is: its tests would spend their time here.
fn compressed(text: &[u8]) -> Result<Vec<u8>, PackError> {
    // What cannot be compressed grows by a few bytes; the rest of the room is given back.
    let mut bytes = Vec::with_capacity(text.len() + text.len() / 8 + 64);
    Compress::new(Compression::new(EFFORT), false).compress_vec(text, &mut bytes, FlushCompress::Finish)?;
    Ok(bytes)
}

fn expanded(bytes: &[u8], length: usize) -> Result<Vec<u8>, PackError> {
    let mut text = Vec::with_capacity(length);
    Decompress::new(false).decompress_vec(bytes, &mut text, FlushDecompress::Finish)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::{ReplicaSet, Rollout};
    use serde_json::{Value, json};

    #[test]
    fn what_is_opened_is_what_was_packed() {
        let template = json!({"metadata": {"labels": {"app": "web"}, "creationTimestamp": null}, "spec": {"containers": [
            {"name": "web", "image": "web:1", "env": [{"name": "TEXT", "value": "»\u{0}\"\\"}], "resources": {"limits": {"cpu": 0.1}}},
        ]}});
        let rollout = Rollout::from_value(&json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"a": ""}, "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {
                "replicas": 0, "paused": true, "selector": {"matchLabels": {"app": "web"}}, "template": template,
                "strategy": {"canary": {"maxSurge": "25%", "maxUnavailable": 1, "steps": [
                    {"setWeight": 0}, {"pause": {}}, {"pause": {"duration": "5m"}}, {"pause": {"duration": 7}},
                    {"plugin": {"name": "x", "config": {"deep": [null, 1.5]}}},
                ]}},
            },
            "status": {"abort": true, "currentStepIndex": 3, "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-02T03:04:05Z"}]},
        }))
        .expect("reads");
        let opened = Kept::pack(&rollout).expect("packs").open().expect("opens");
        assert_eq!(*opened, rollout);
        let set = ReplicaSet::from_value(&json!({"metadata": {"name": "web-1"}, "spec": {"template": template}}))
            .expect("reads");
        let opened = Kept::pack(&set).expect("packs").open().expect("opens");
        assert_eq!(*opened, set);
    }

    #[test]
    fn texts_become_small_and_noise_fits_too() {
        let settings: Vec<Value> =
            (0..40).map(|index| json!({"name": format!("SETTING_{index}"), "value": "on"})).collect();
        let repeated = serde_json::to_vec(&settings).expect("writes");
        let small = compressed(&repeated).expect("compresses");
        assert!(small.len() * 4 < repeated.len(), "{} of {}", small.len(), repeated.len());
        let noise: Vec<u8> = (0..5_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for text in [repeated, noise, Vec::new()] {
            let bytes = compressed(&text).expect("compresses");
            assert_eq!(expanded(&bytes, text.len()).expect("expands"), text);
        }
    }
}

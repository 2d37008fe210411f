//! What the story's team keeps in Git, and the Application that brings it into the cluster.
//!
//! Plain files with three places to fill: the image, the steps, the address of Prometheus. Both worlds get the same texts.

use std::fmt;

/// The namespace that the story plays in.
pub const NAMESPACE: &str = "shop";
/// The Rollout, and the VirtualService that it moves.
pub const ROLLOUT: &str = "web";
/// The Application.
pub const APPLICATION: &str = "shop";
/// The namespace of the Application and of the controller.
pub const HOME: &str = "leadline";
/// The host that clients ask for.
pub const HOST: &str = "shop.example";
/// The Service that gets the canary's share.
pub const CANARY_HOST: &str = "canary.shop.svc.cluster.local";
/// The image, without its tag.
pub const IMAGE: &str = "leadline/app";

/// One version of the story's program. Its tag says how it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// What it answers: `v3`.
    pub name: &'static str,
    /// The image's tag: `v3-errors30`.
    pub tag: &'static str,
    /// How many of a hundred requests fail.
    pub error_percent: u8,
}

impl Version {
    /// The image with its tag.
    pub fn image(self) -> String {
        format!("{IMAGE}:{}", self.tag)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// The name in an image's tag: `leadline/app:v3-errors30` is `v3`.
pub fn version_of(image: &str) -> &str {
    let tag = image.rsplit_once(':').map_or(image, |(_, tag)| tag);
    tag.split('-').next().unwrap_or(tag)
}

/// How a version is brought out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// Weights with timed pauses between them.
    Timed,
    /// Waits for a person at the first weight.
    Asking,
}

impl Steps {
    fn yaml(self) -> &'static str {
        match self {
            Self::Timed => {
                "      - setWeight: 10\n      - pause: {duration: 8s}\n      - setWeight: 30\n      - pause: {duration: 8s}\n\
                 \x20     - setWeight: 60\n      - pause: {duration: 8s}"
            }
            Self::Asking => {
                "      - setWeight: 20\n      - pause: {}\n      - setWeight: 60\n      - pause: {duration: 5s}"
            }
        }
    }
}

/// The files of a commit, with their paths in the repository.
pub fn files(version: Version, steps: Steps, prometheus: &str) -> Vec<(&'static str, String)> {
    let rollout = include_str!("../manifests/rollout.yaml");
    let template = include_str!("../manifests/success-rate.yaml");
    vec![
        ("shop/rollout.yaml", rollout.replace("${IMAGE}", &version.image()).replace("${STEPS}", steps.yaml())),
        ("shop/services.yaml", include_str!("../manifests/services.yaml").into()),
        ("shop/success-rate.yaml", template.replace("${PROMETHEUS}", prometheus)),
        ("shop/virtual-service.yaml", include_str!("../manifests/virtual-service.yaml").into()),
    ]
}

/// The Application that syncs this repository.
pub fn application(repository: &str) -> String {
    include_str!("../manifests/application.yaml").replace("${REPOSITORY}", repository)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_place_is_filled() {
        let version = Version { name: "v3", tag: "v3-errors30", error_percent: 30 };
        for steps in [Steps::Timed, Steps::Asking] {
            for (path, text) in files(version, steps, "http://127.0.0.1:9090") {
                assert!(!text.contains("${"), "{path}");
                let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect(path);
                assert!(documents.iter().all(|document| document["kind"].is_string()), "{path}");
            }
        }
    }

    #[test]
    fn steps_are_what_they_say() {
        let version = Version { name: "v1", tag: "v1", error_percent: 0 };
        let (_, text) = files(version, Steps::Timed, "").remove(0);
        let rollout: Value = serde_saphyr::from_str(&text).expect("is YAML");
        let steps = rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).expect("has steps");
        let weights: Vec<i64> = steps.iter().filter_map(|step| step["setWeight"].as_i64()).collect();
        assert_eq!(weights, [10, 30, 60]);
    }

    #[test]
    fn versions_of_images() {
        for (image, version) in [("leadline/app:v3-errors30", "v3"), ("leadline/app:v1", "v1"), ("v2", "v2")] {
            assert_eq!(version_of(image), version);
        }
    }
}

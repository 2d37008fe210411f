//! The volumes of a template: a name, and exactly one source with what that source cannot do without.

use serde_json::{Map, Value};

use super::finding::{Findings, each, integer, object, text};
use crate::template::names;

const FILE_MODE_RULE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
/// The kinds of volume, in the order in which a second one is complained about.
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];
/// What a source cannot do without.
const REQUIRED: [(&str, &str); 7] = [
    ("hostPath", "path"),
    ("secret", "secretName"),
    ("nfs", "server"),
    ("nfs", "path"),
    ("persistentVolumeClaim", "claimName"),
    ("configMap", "name"),
    ("csi", "driver"),
];

/// Checks every volume. Returns those that a container can mount, by name.
pub(super) fn check<'spec>(
    spec: &'spec Map<String, Value>,
    path: &str,
    findings: &mut Findings,
) -> Vec<(&'spec str, &'spec Map<String, Value>)> {
    let mut known: Vec<(&str, &Map<String, Value>)> = Vec::new();
    for (position, volume) in each(spec, "volumes") {
        let path = format!("{path}.volumes[{position}]");
        let before = findings.count();
        sources(volume, &path, findings);
        let name = text(volume, "name");
        if name.is_empty() {
            findings.required(format!("{path}.name"), "");
        } else {
            findings.invalid_text(&format!("{path}.name"), name, names::dns_label(name));
        }
        if known.iter().any(|(other, _)| *other == name) {
            findings.duplicate(format!("{path}.name"), name);
        }
        if findings.count() == before {
            known.push((name, volume));
        }
    }
    known
}

fn sources(volume: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let mut seen = false;
    for source in SOURCES {
        let Some(fields) = object(volume, source) else { continue };
        let path = format!("{path}.{source}");
        if seen {
            findings.forbidden(path, "may not specify more than 1 volume type");
            continue;
        }
        seen = true;
        for (_, field) in REQUIRED.iter().filter(|(owner, _)| *owner == source) {
            if text(fields, field).is_empty() {
                findings.required(format!("{path}.{field}"), "");
            }
        }
        if let Some(mode) = integer(fields, "defaultMode")
            && !(0..=0o777).contains(&mode)
        {
            findings.invalid_number(format!("{path}.defaultMode"), mode, FILE_MODE_RULE);
        }
        if ["secret", "configMap"].contains(&source) {
            items(fields, &path, findings);
        }
    }
}

fn items(source: &Map<String, Value>, path: &str, findings: &mut Findings) {
    for (position, item) in each(source, "items") {
        for field in ["key", "path"] {
            if text(item, field).is_empty() {
                findings.required(format!("{path}.items[{position}].{field}"), "");
            }
        }
    }
}

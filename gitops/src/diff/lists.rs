//! How the elements of a list are identified: by merge keys, as members of a set, or by their place.
//!
//! Built-in kinds say so in the API's own types; the table below restates what people's manifests use of it. The lists of
//! a custom resource are atomic unless its schema says otherwise, so there elements are compared by place, and a schema
//! that does say otherwise costs a dry run, never a missed difference.

/// What identifies an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// The values of these fields.
    Keys(&'static [&'static str]),
    /// The element itself; order means nothing.
    Member,
    /// Its place.
    Place,
}

/// Lists of built-in kinds by field name. Where a name has two meanings, the elements tell which one holds.
const BUILT_IN: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("ports", &["port", "protocol"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("secrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("schedulingGates", &["name"]),
    ("resourceClaims", &["name"]),
    ("webhooks", &["name"]),
    ("conditions", &["type"]),
];

/// How the list of this field is read. `has_keys` says whether all its elements carry these fields.
pub(super) fn identity(
    is_built_in: bool,
    in_metadata: bool,
    field: &str,
    has_keys: impl Fn(&[&str]) -> bool,
) -> Identity {
    if in_metadata {
        return match field {
            "finalizers" => Identity::Member,
            "ownerReferences" => Identity::Keys(&["uid"]),
            _ => Identity::Place,
        };
    }
    if !is_built_in {
        return Identity::Place;
    }
    BUILT_IN
        .iter()
        .find(|(name, keys)| *name == field && has_keys(keys))
        .map_or(Identity::Place, |(_, keys)| Identity::Keys(keys))
}

/// Maps that are one value: a key more is another meaning, so it counts as a difference.
pub(super) fn is_atomic_map(is_built_in: bool, kind: &str, field: &str) -> bool {
    is_built_in
        && (matches!(field, "nodeSelector" | "matchLabels")
            || (field == "selector" && matches!(kind, "Service" | "ReplicationController")))
}

/// Whether a group is part of Kubernetes itself.
pub(super) fn is_built_in_group(group: &str) -> bool {
    // Custom resources must have a dot in their group; groups under k8s.io may be either, and these are not.
    let custom = ["gateway.networking.k8s.io", "metrics.k8s.io", "snapshot.storage.k8s.io", "cluster.x-k8s.io"];
    !group.contains('.') || (group.ends_with(".k8s.io") && !group.contains(".x-k8s.io") && !custom.contains(&group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities() {
        let ports =
            |present: &'static [&'static str]| move |keys: &[&str]| keys.iter().all(|key| present.contains(key));
        for (built_in, metadata, field, present, expected) in [
            (true, false, "containers", &["name"][..], Identity::Keys(&["name"])),
            (true, false, "ports", &["port", "protocol"][..], Identity::Keys(&["port", "protocol"])),
            (true, false, "ports", &["containerPort", "protocol"][..], Identity::Keys(&["containerPort", "protocol"])),
            (true, false, "args", &[][..], Identity::Place),
            (false, false, "containers", &["name"][..], Identity::Place),
            (false, true, "finalizers", &[][..], Identity::Member),
        ] {
            assert_eq!(identity(built_in, metadata, field, ports(present)), expected, "{field}");
        }
    }

    #[test]
    fn groups() {
        for (group, expected) in [
            ("", true),
            ("apps", true),
            ("networking.k8s.io", true),
            ("networking.istio.io", false),
            ("argoproj.io", false),
            ("gateway.networking.k8s.io", false),
        ] {
            assert_eq!(is_built_in_group(group), expected, "{group}");
        }
    }
}

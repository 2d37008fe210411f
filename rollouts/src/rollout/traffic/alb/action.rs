//! The texts that the AWS load balancer controller reads: an action, which divides requests among Services, and the conditions of
//! a route by header. Compact, with keys in the order that clients expect.

use crate::rollout::{replicas::WHOLE, traffic::router::part_of};
use crds::rollout::SetHeaderRoute;
use serde::{Deserialize, Serialize};

/// A Service and its part of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) service: String,
    pub(super) port: String,
    pub(super) weight: i64,
}

/// How requests are divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) groups: Vec<Group>,
    /// How long a client stays where it was, if it does.
    pub(super) sticky_secs: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    forward_config: Forward,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Forward {
    target_groups: Vec<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_group_stickiness_config: Option<Stickiness>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default)]
    service_name: String,
    #[serde(default)]
    service_port: Port,
    #[serde(default)]
    weight: i64,
}

/// People write it as a number too.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Port {
    Text(String),
    Number(i64),
}

impl Default for Port {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stickiness {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    duration_seconds: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Condition<'a> {
    field: &'static str,
    http_header_config: HeaderConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeaderConfig<'a> {
    http_header_name: &'a str,
    values: Vec<&'a str>,
}

impl Action {
    /// Reads an annotation; nothing where it is not such a text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let port = |port: Port| match port {
            Port::Text(text) => text,
            Port::Number(number) => number.to_string(),
        };
        let group = |target: Target| Group {
            service: target.service_name,
            port: port(target.service_port),
            weight: target.weight,
        };
        let sticky = wire.forward_config.target_group_stickiness_config.filter(|sticky| sticky.enabled);
        let groups = wire.forward_config.target_groups.into_iter().map(group).collect();
        Some(Self { groups, sticky_secs: sticky.map(|sticky| sticky.duration_seconds) })
    }

    /// The text of the annotation.
    pub(super) fn text(self) -> String {
        let target = |group: Group| Target {
            service_name: group.service,
            service_port: Port::Text(group.port),
            weight: group.weight,
        };
        let sticky = self.sticky_secs.map(|secs| Stickiness { enabled: true, duration_seconds: secs });
        let forward = Forward {
            target_groups: self.groups.into_iter().map(target).collect(),
            target_group_stickiness_config: sticky,
        };
        serde_json::to_string(&Wire { r#type: "forward".into(), forward_config: forward }).unwrap_or_default()
    }

    /// The part of all requests that a Service gets.
    pub(super) fn share_of(&self, service: &str) -> i32 {
        let sum: i64 = self.groups.iter().map(|group| group.weight).sum();
        let part: i64 = self.groups.iter().filter(|group| group.service == service).map(|group| group.weight).sum();
        part_of(WHOLE, part, sum)
    }
}

/// The conditions of a route by header. One header's values are alternatives; different headers must all be there.
pub(super) fn conditions(route: &SetHeaderRoute) -> String {
    let mut found: Vec<Condition<'_>> = Vec::new();
    for header in &route.matches {
        let value = header.header_value.as_ref().and_then(|value| value.exact.as_deref()).unwrap_or_default();
        let name = header.header_name.as_str();
        match found.iter_mut().find(|known| known.http_header_config.http_header_name == name) {
            Some(known) => known.http_header_config.values.push(value),
            None => {
                let config = HeaderConfig { http_header_name: name, values: vec![value] };
                found.push(Condition { field: "http-header", http_header_config: config });
            }
        }
    }
    serde_json::to_string(&found).unwrap_or_default()
}

//! An object that is named and was not found: is it there now? What a Service selects, and which endpoints it shows.

use super::{Advice, Case, Link, kubectl};
use crate::rollout::{conditions, held};
use crds::{Kind, Rollout, Service, keys, kind};

/// What the spec was refused for because it was not found: whoever can, looks for it once more.
pub fn sought(rollout: &Rollout) -> Option<(&'static Kind, String)> {
    let condition = conditions::find(&rollout.status, conditions::INVALID_SPEC)?;
    let (kind, name) = missing(&condition.message)?;
    Some((kind, name.to_owned()))
}

/// Whether endpoints are what is waited for.
pub fn wants_endpoints(rollout: &Rollout) -> bool {
    conditions::find(&rollout.status, held::CONDITION).is_some_and(|known| known.reason == "EndpointsNotReady")
}

/// Kind and name in `services "web" not found`, `VirtualService `web` not found`, `AnalysisTemplate 'web' not found`.
fn missing(problem: &str) -> Option<(&'static Kind, &str)> {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let (before, _) = problem.split_once(" not found")?;
    let (before, name) = before.trim_end_matches(QUOTES).rsplit_once(QUOTES)?;
    let word = before.trim_end().rsplit(' ').next()?;
    let is_it = |kind: &&Kind| {
        let plural = format!("{}.{}", kind.plural, kind.group);
        word == plural.trim_end_matches('.') || kind.kind.eq_ignore_ascii_case(word)
    };
    Some((kind::ALL.iter().find(is_it)?, name))
}

/// Looks again for what a spec was refused for.
pub(super) fn looked_for(case: &Case<'_>) -> Option<(Link, Advice)> {
    let (kind, name) = sought(case.rollout)?;
    let found = case.evidence.references.iter().find(|known| known.kind == kind.kind && known.name == name);
    let kind = kind.kind;
    let what = match found.and_then(|known| known.is_there) {
        Some(false) => format!("{kind} {name} was looked for just now and is not there"),
        Some(true) => format!("{kind} {name} is there now; the controller looks again when it sees that"),
        None => format!("whether {kind} {name} is there now is not known"),
    };
    Some((Link::new(what), kubectl(format!("look for {kind} {name}"), format!("get {} {name}", kind.to_lowercase()))))
}

/// What a Service leads to, where its endpoints are what is waited for: the first word after `service`.
pub(super) fn endpoints(case: &Case<'_>, message: &str) -> Vec<Link> {
    let Some(name) = message.split("service ").nth(1).and_then(|rest| rest.split(' ').next()) else {
        return Vec::new();
    };
    let Some(services) = case.evidence.services else {
        return vec![Link::new(format!("Service {name} may not be read"))];
    };
    let Some(service) = services.iter().find(|service| service.metadata.name == name) else {
        return vec![Link::new(format!("Service {name} is not there"))];
    };
    let mut links = vec![Link::new(selects(case, service))];
    if let Some(slices) = case.evidence.slices {
        let of_service = slices.iter().filter(|slice| slice.service_name() == Some(name));
        let (ready, others): (Vec<_>, Vec<_>) =
            of_service.flat_map(|slice| &slice.endpoints).partition(|endpoint| endpoint.is_ready());
        let what = format!("its EndpointSlices show {} ready endpoints and {} that are not", ready.len(), others.len());
        links.push(Link::new(what));
    }
    links
}

fn selects(case: &Case<'_>, service: &Service) -> String {
    let name = &service.metadata.name;
    match service.spec.selector.get(keys::POD_TEMPLATE_HASH) {
        None => format!("Service {name} selects pods of all revisions"),
        Some(hash) => match case.set_of(Some(hash)) {
            Some(set) => format!("Service {name} selects revision {} ({hash})", set.metadata.revision()),
            None => format!("Service {name} selects {hash}, which no ReplicaSet of this rollout has"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn what_was_not_found_is_known_by_kind_and_name() {
        for (problem, expected) in [
            (
                r#"x: Invalid value: "shop": virtualservices.networking.istio.io "shop" not found"#,
                Some(("VirtualService", "shop")),
            ),
            (r#"x: Invalid value: "a": service "web-canary" not found"#, Some(("Service", "web-canary"))),
            ("x: Invalid value: \"q\": ClusterAnalysisTemplate 'q' not found", Some(("ClusterAnalysisTemplate", "q"))),
            (r#"x: Invalid value: "a": gadgets.example.com "web" not found"#, None),
            (r#"x: Invalid value: 101: SetWeight needs to be between 0 and 100"#, None),
        ] {
            assert_eq!(missing(problem).map(|(kind, name)| (kind.kind, name)), expected, "{problem}");
        }
    }
}

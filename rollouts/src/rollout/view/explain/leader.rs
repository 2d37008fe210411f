//! Does a controller look after the Rollout? A lease says who leads, and when that was last renewed.

use super::{Advice, Case, Command, Lease, Link, Part};
use crate::rollout::view::age;
use crds::{Rollout, keys};

/// Names of the leases that the controller of a Rollout holds: ours, and upstream's, which ours holds too.
pub fn lease_names(rollout: &Rollout) -> [String; 2] {
    let instance = rollout.metadata.label(keys::INSTANCE_ID).unwrap_or_default();
    let suffix = if instance.is_empty() { String::new() } else { format!("-{instance}") };
    ["leadline-controller", "argo-rollouts-controller-lock"].map(|name| format!("{name}{suffix}"))
}

/// Why nobody has looked: below the link that says so.
pub(super) fn absent(case: &Case<'_>, link: Link) -> Part {
    let Some(leases) = case.evidence.leases else {
        let mut part = Part::of(link);
        part.unknown.push("whether a controller runs: leases may not be read".into());
        return part;
    };
    let names = lease_names(case.rollout);
    let of_ours = |lease: &&Lease| names.contains(&lease.name);
    let is_held = |lease: &&Lease| {
        !lease.holder.is_empty() && lease.renewed.is_some_and(|renewed| renewed + lease.duration >= case.now)
    };
    let mut held = leases.iter().filter(of_ours).filter(is_held);
    if let Some(lease) = held.next() {
        let ago = lease.renewed.map(|renewed| age::short(case.now - renewed)).unwrap_or_default();
        let place = format!("{}/{}", lease.namespace, lease.name);
        let leads = Link::new(format!("{} leads: it renewed its lease {place} {ago} ago", lease.holder));
        return Part::of(link.over([leads]))
            .then("The controller looks at any moment. If it does not: its log says why, or it looks after another namespace.");
    }
    let last = leases.iter().filter(of_ours).filter(|lease| !lease.holder.is_empty()).max_by_key(|lease| lease.renewed);
    let nobody = match last.and_then(|lease| Some((lease, lease.renewed?))) {
        Some((lease, renewed)) => Link {
            since: Some(renewed),
            ..Link::new(format!("no controller runs: {} was the last to renew the lease {}", lease.holder, lease.name))
        },
        None => Link::new(format!("no controller runs: nobody holds a lease {}", names.join(" or "))),
    };
    let advice = Advice {
        what: "look for the controller's pods".into(),
        command: Command::Anywhere("get pods -A -l app.kubernetes.io/name=leadline".into()),
    };
    Part::of(link.over([nobody])).then("Nothing happens until a controller runs.").advising([advice])
}

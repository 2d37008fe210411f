//! What may be deleted because Git no longer has it, and in which order.
//!
//! Live objects are not searched for. An object is an extra when an earlier status reported it (`status.resources` is
//! written before the first apply, so nothing is ever applied unrecorded), Git does not have it now, it is still there,
//! and its tracking annotation names this Application and itself. Anything else is never deleted: an object that was
//! handed over to somebody else, a copy, a definition of a kind, or one that asks to be kept.

use crate::{
    comparison::Compared,
    desired::{self, Goal, Settings},
    health,
    key::Key,
    look::Live,
    memory::Memory,
    tracking::{self, Tracking},
    validate::ResourceOptions,
};
use std::collections::BTreeSet;

/// The objects that are ours and that Git no longer has.
pub fn extras(memory: &Memory<'_>, goal: &Goal, live: &Live, tracking: &Tracking) -> Vec<Compared> {
    let mut seen = BTreeSet::new();
    let recorded = memory.recorded().into_iter().filter(|reference| {
        let key = Key::of(reference);
        !goal.objects.contains_key(&key) && tracking::is_trackable(&key) && seen.insert(key)
    });
    recorded
        .filter_map(|reference| {
            let key = Key::of(&reference);
            let found = live.objects.get(&key).filter(|found| tracking.is_ours(&key, found))?;
            // What cannot be understood is kept.
            let kept = ResourceOptions { is_kept_from_pruning: true, is_kept_on_deletion: true };
            let settings = desired::settings(found).unwrap_or(Settings { options: kept, ..Settings::default() });
            Some(Compared {
                key,
                reference,
                target: None,
                live: Some(found.clone()),
                differences: Vec::new(),
                settings,
                is_shared: false,
                health: health::of(found),
            })
        })
        .collect()
}

/// Whether an extra may be deleted, under the options of a sync.
pub fn is_prunable(object: &Compared, options: ResourceOptions) -> bool {
    object.is_extra() && !object.settings.options.with(options).is_kept_from_pruning
}

/// The next objects to delete: those of the highest wave, since what was applied last goes first.
pub fn next<'a>(extras: &[&'a Compared]) -> Vec<&'a Compared> {
    let highest = extras.iter().map(|object| object.settings.wave).max();
    extras.iter().filter(|object| Some(object.settings.wave) == highest).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::Application;
    use serde_json::{Value, json};

    fn found(annotations: &Value, recorded_name: &str) -> Vec<Compared> {
        let application = Application::from_value(&json!({
            "metadata": {"name": "web", "namespace": "argocd"}, "spec": {"destination": {"namespace": "shop"}},
            "status": {"resources": [{"version": "v1", "kind": "Service", "namespace": "shop", "name": recorded_name}]},
        }))
        .expect("is an Application");
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old", "namespace": "shop", "annotations": annotations}});
        let key = Key::of(&crate::key::reference(&object).expect("has a name"));
        let live = Live { objects: [(key, object)].into(), ..Live::default() };
        extras(&Memory::of(&application), &Goal::default(), &live, &Tracking::of(&application, "argocd"))
    }

    #[test]
    fn only_recorded_objects_of_ours_are_extras() {
        let ours = "web:/Service:shop/old";
        for (annotations, recorded, is_extra, is_deleted) in [
            (json!({"argocd.argoproj.io/tracking-id": ours}), "old", true, true),
            (json!({"argocd.argoproj.io/tracking-id": ours}), "other", false, false),
            (json!({"argocd.argoproj.io/tracking-id": "api:/Service:shop/old"}), "old", false, false),
            (json!({"argocd.argoproj.io/tracking-id": "web:/Service:shop/source-of-the-copy"}), "old", false, false),
            (json!({}), "old", false, false),
            (
                json!({"argocd.argoproj.io/tracking-id": ours, "argocd.argoproj.io/sync-options": "Prune=false"}),
                "old",
                true,
                false,
            ),
            (json!({"argocd.argoproj.io/tracking-id": ours, "helm.sh/resource-policy": "keep"}), "old", true, false),
            (json!({"argocd.argoproj.io/tracking-id": ours, "argocd.argoproj.io/hook": "PreSync"}), "old", true, false),
        ] {
            let extras = found(&annotations, recorded);
            let can_go = extras.iter().any(|extra| is_prunable(extra, ResourceOptions::default()));
            assert_eq!((!extras.is_empty(), can_go), (is_extra, is_deleted), "{annotations} {recorded}");
        }
    }

    #[test]
    fn the_highest_wave_goes_first() {
        let extra = |wave: &str| {
            let annotations = json!({"argocd.argoproj.io/tracking-id": "web:/Service:shop/old", "argocd.argoproj.io/sync-wave": wave});
            found(&annotations, "old").remove(0)
        };
        let (early, late) = (extra("-1"), extra("3"));
        assert_eq!(next(&[&early, &late]), [&late]);
        assert_eq!(next(&[]), Vec::<&Compared>::new());
    }
}

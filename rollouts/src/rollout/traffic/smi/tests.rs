//! What a TrafficSplit holds, how it is made and changed, and whose it is.

use super::{
    super::samples::{branch, canary, object, observed, owned_by, said, wanted},
    *,
};

fn settings(strategy: &CanaryStrategy) -> &SmiTrafficRouting {
    strategy.traffic_routing.as_ref().and_then(|routing| routing.smi.as_ref()).expect("SMI is set")
}

fn spec(root: &str, backends: &[(&str, i64)]) -> Value {
    let list: Vec<Value> = backends.iter().map(|(name, weight)| json!({"service": name, "weight": weight})).collect();
    json!({"service": root, "backends": list})
}

#[test]
fn the_names_follow_the_settings() {
    for (smi, name, root) in [
        (json!({}), "shop", "stable"),
        (json!({"trafficSplitName": "split", "rootService": "root"}), "split", "root"),
        (json!({"trafficSplitName": "", "rootService": ""}), "shop", "stable"),
    ] {
        let strategy = canary(&json!({ "smi": smi }));
        let observed = observed(&[]);
        let router = Smi::of(&strategy, settings(&strategy));
        let objects = router.objects(&observed);
        let named = objects.first().expect("one object");
        assert_eq!((named.name.as_str(), named.api_version().as_str()), (name, "split.smi-spec.io/v1alpha1"));
        let made = router.change(&observed, named, &Value::Null, &wanted(0));
        let Some(Change::Create(body)) = made else { panic!("it is made: {made:?}") };
        assert_eq!(body["spec"], spec(root, &[("canary", 0), ("stable", 100)]));
        assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "me");
        assert_eq!((&body["metadata"]["name"], &body["kind"]), (&json!(name), &json!("TrafficSplit")));
    }
}

#[test]
fn weights_are_read_as_shares_and_written_whole() {
    let strategy = canary(&json!({"smi": {}}));
    let observed = observed(&[]);
    let router = Smi::of(&strategy, settings(&strategy));
    let named = split(settings(&strategy), &observed.rollout.metadata);
    let texts = json!({"service": "stable", "backends": [{"service": "canary", "weight": "30"}, {"service": "stable", "weight": "70"}]});
    for (found, others, shares, patch) in [
        (Value::Null, &[][..], (0, 100), None),
        (
            spec("stable", &[("canary", 0), ("stable", 100)]),
            &[],
            (0, 100),
            Some(spec("stable", &[("canary", 30), ("stable", 70)])),
        ),
        (spec("stable", &[("canary", 30), ("stable", 70)]), &[], (30, 70), None),
        (texts, &[], (30, 70), None),
        (
            spec("stable", &[("stable", 9), ("canary", 1)]),
            &[],
            (10, 90),
            Some(spec("stable", &[("canary", 30), ("stable", 70)])),
        ),
        (
            spec("other", &[("canary", 30), ("stable", 70)]),
            &[],
            (30, 70),
            Some(spec("stable", &[("canary", 30), ("stable", 70)])),
        ),
        (
            spec("stable", &[("canary", 30), ("stable", 70)]),
            &[("try", 5)],
            (30, 70),
            Some(spec("stable", &[("canary", 30), ("try", 5), ("stable", 65)])),
        ),
        (spec("stable", &[("canary", 30), ("try", 5), ("stable", 65)]), &[("try", 5)], (30, 65), None),
        (spec("stable", &[]), &[], (0, 0), Some(spec("stable", &[("canary", 30), ("stable", 70)]))),
    ] {
        let object = if found.is_null() { Value::Null } else { json!({"spec": found}) };
        let weights = router.weights(&observed, &named, &object);
        assert_eq!(weights, [Weights { canary: shares.0, stable: shares.1 }], "{found}");
        if !object.is_null() {
            let others = others.iter().map(|(service, weight)| branch(service, *weight)).collect();
            let change = router.change(&observed, &named, &object, &Wanted { others, ..wanted(30) });
            assert_eq!(change, patch.map(|spec| Change::Patch(json!({"spec": spec}))), "{found}");
        }
    }
    let other = ObjectRef::of(&kind::TRAFFIC_SPLIT, "web", "other");
    assert_eq!(router.weights(&observed, &other, &Value::Null), []);
}

#[test]
fn a_split_of_somebody_else_is_left_alone() {
    let strategy = canary(&json!({"smi": {}}));
    let router = Smi::of(&strategy, settings(&strategy));
    let path = "spec.strategy.canary.trafficRouting.smi.trafficSplitName: Invalid value: \"shop\": ";
    let why = "the cluster has no kind TrafficSplit (split.smi-spec.io)";
    let closed = Observed { closed_kinds: [(kind::TRAFFIC_SPLIT, why.into())].into(), ..observed(&[]) };
    let not_ours = format!("{path}Rollout does not own TrafficSplit `shop`");
    let split = object(&kind::TRAFFIC_SPLIT, "shop", json!({}));
    for (observed, expected) in [
        (observed(&[]), Ok(())),
        (closed, Err(format!("{path}TrafficSplit shop: {why}"))),
        (observed(std::slice::from_ref(&split)), Err(not_ours.clone())),
        (observed(&[owned_by(split.clone(), "you")]), Err(not_ours)),
        (observed(&[owned_by(split, "me")]), Ok(())),
    ] {
        assert_eq!(said(&router, &observed), expected);
    }
}

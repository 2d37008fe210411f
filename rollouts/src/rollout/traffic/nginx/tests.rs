//! What the Ingress of ours holds, how it follows the user's, and what is refused.

use super::{
    super::samples::{self, canary, observed, owned_by, said, wanted},
    *,
};

const NGINX: &str = "spec.strategy.canary.trafficRouting.nginx";

fn parsed(strategy: &CanaryStrategy) -> Result<Nginx<'_>, String> {
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.nginx.as_ref()).expect("nginx");
    Nginx::parse(strategy, settings).map_err(|invalid| invalid.to_string())
}

fn path(service: &str) -> Value {
    json!({"path": format!("/{service}"), "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}})
}

fn rule(services: &[&str]) -> Value {
    json!({"host": "web.example", "http": {"paths": services.iter().map(|service| path(service)).collect::<Vec<_>>()}})
}

fn stable_spec() -> Value {
    let rules = json!([rule(&["stable", "api"]), rule(&["api"]), {"host": "empty"}]);
    json!({"ingressClassName": "nginx", "tls": [{"hosts": ["web.example"]}], "rules": rules})
}

/// A path of the user that leads to the canary's Service.
fn canary_path() -> Value {
    let mut path = path("stable");
    path["backend"]["service"]["name"] = "canary".into();
    path
}

fn canary_spec() -> Value {
    let rules = json!([{"host": "web.example", "http": {"paths": [canary_path(), path("api")]}}]);
    json!({"ingressClassName": "nginx", "tls": [{"hosts": ["web.example"]}], "rules": rules})
}

fn object(name: &str, annotations: Value, spec: Value) -> Value {
    let mut object = samples::object(&kind::INGRESS, name, spec);
    object["metadata"]["annotations"] = annotations;
    object
}

#[test]
fn one_field_names_the_ingresses() {
    for (settings, problem) in [
        (json!({"stableIngress": "web"}), None),
        (json!({"stableIngresses": ["web", "api"]}), None),
        (json!({}), Some("Neither are configured.")),
        (json!({"stableIngress": ""}), Some("Neither are configured.")),
        (json!({"stableIngress": "web", "stableIngresses": ["api"]}), Some("Both are configured.")),
    ] {
        let said = |tail: &str| {
            format!("{NGINX}: Internal error: Either StableIngress or StableIngresses must be configured. {tail}")
        };
        let strategy = canary(&json!({ "nginx": settings }));
        assert_eq!(parsed(&strategy).err(), problem.map(said), "{settings}");
    }
}

#[test]
fn ours_is_named_after_both_and_never_too_long() {
    let long = "a".repeat(250);
    let strategy = canary(&json!({"nginx": {"stableIngresses": ["web", long, "web"]}}));
    let routing = strategy.traffic_routing.as_ref().expect("routing");
    let observed = observed(&[]);
    let owner = &observed.rollout.metadata;
    let names: Vec<String> =
        parsed(&strategy).expect("is valid").objects(&observed).into_iter().map(|object| object.name).collect();
    let short = "shop-web-canary".to_owned();
    assert_eq!(names, [short.clone(), format!("shop-{}-canary", "a".repeat(241)), short], "as they are named");
    assert!(names.iter().all(|name| name.len() <= 253));
    assert_eq!(references(routing, owner).len(), 6, "those of the user are watched too");
}

#[test]
fn ours_is_made_with_the_first_share() {
    let strategy = canary(&json!({"nginx": {
        "stableIngress": "web",
        "additionalIngressAnnotations": {"canary-by-header": "x-new", "nginx.ingress.kubernetes.io/load-balance": "ewma"},
        "canaryIngressAnnotations": {"example.com/team": "shop", "nginx.ingress.kubernetes.io/canary-weight": "99"},
    }}));
    let router = parsed(&strategy).expect("is valid");
    let stable = object("web", json!({"kubernetes.io/ingress.class": "nginx", "example.com/mine": "1"}), stable_spec());
    let observed = observed(&[stable]);
    let named = ingress("web", "shop-web-canary");
    assert_eq!(router.change(&observed, &named, &Value::Null, &wanted(0)), None, "nobody needs it yet");
    let created = router.change(&observed, &named, &Value::Null, &wanted(20));
    let meta = json!({
        "name": "shop-web-canary", "namespace": "web",
        "annotations": {
            "kubernetes.io/ingress.class": "nginx",
            "nginx.ingress.kubernetes.io/canary-by-header": "x-new",
            "nginx.ingress.kubernetes.io/load-balance": "ewma",
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "20",
            "example.com/team": "shop",
        },
        "ownerReferences": [{
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "me",
            "controller": true, "blockOwnerDeletion": true,
        }],
    });
    let body =
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": canary_spec()});
    let Some(Change::Create(found)) = &created else { panic!("{created:?}") };
    assert_eq!(*found, body);
    assert_eq!(router.weights(&observed, &named, found), [Weights { canary: 20, stable: 80 }]);
    assert_eq!(router.weights(&observed, &named, &Value::Null), [Weights { canary: 0, stable: 100 }]);
    assert_eq!(router.weights(&observed, &ingress("web", "web"), &Value::Null), [], "that of the user holds none");
    assert_eq!(router.change(&observed, &named, found, &wanted(20)), None, "it is as it should be");
}

#[test]
fn ours_is_patched_where_it_differs_and_keeps_what_others_added() {
    let strategy = canary(&json!({"nginx": {"stableIngress": "web", "annotationPrefix": "example.com"}}));
    let router = parsed(&strategy).expect("is valid");
    let observed = observed(&[object("web", json!({}), stable_spec())]);
    let named = ingress("web", "shop-web-canary");
    let ours = |weight: &str| json!({"example.com/canary": "true", "example.com/canary-weight": weight, "other": "1"});
    let without_tls = json!({"ingressClassName": "nginx", "rules": canary_spec()["rules"]});
    let mut with_total = ours("20");
    with_total["example.com/canary-weight-total"] = "1000".into();
    for (annotations, spec, canary, patch) in [
        (ours("20"), canary_spec(), 20, None),
        (ours("5"), canary_spec(), 5, Some(json!({"metadata": {"annotations": {"example.com/canary-weight": "20"}}}))),
        (ours("20"), without_tls, 20, Some(json!({"spec": {"tls": [{"hosts": ["web.example"]}]}}))),
        // A total that nobody asks for: 20 of 1000.
        (
            with_total,
            canary_spec(),
            2,
            Some(json!({"metadata": {"annotations": {"example.com/canary-weight-total": null}}})),
        ),
        (
            json!({"example.com/canary-weight": "20"}),
            canary_spec(),
            0,
            Some(json!({"metadata": {"annotations": {"example.com/canary": "true"}}})),
        ),
    ] {
        let found = object("shop-web-canary", annotations.clone(), spec);
        assert_eq!(
            router.weights(&observed, &named, &found),
            [Weights { canary, stable: 100 - canary }],
            "{annotations}"
        );
        assert_eq!(router.change(&observed, &named, &found, &wanted(20)), patch.map(Change::Patch), "{annotations}");
    }
}

#[test]
fn another_whole_is_written_and_read_back() {
    let user = json!({"nginx.ingress.kubernetes.io/canary-weight-total": "500"});
    for (whole, of_user, annotations, canary, total) in [
        (Some(1000), json!({}), json!({"canary-weight": "5", "canary-weight-total": "1000"}), 5, Some("1000")),
        // What was written before the spec had a whole of its own: 5 of 100.
        (Some(1000), json!({}), json!({"canary-weight": "5"}), 50, Some("1000")),
        (Some(1000), user.clone(), json!({"canary-weight": "5", "canary-weight-total": "500"}), 10, Some("1000")),
        // The user's own total is theirs to answer for.
        (None, user, json!({"canary-weight": "5", "canary-weight-total": "500"}), 5, Some("500")),
        (None, json!({}), json!({"canary-weight": "5", "canary-weight-total": "none"}), 5, None),
    ] {
        let settings = json!({"stableIngress": "web", "canaryIngressAnnotations": of_user});
        let strategy = samples::canary(&json!({"nginx": settings, "maxTrafficWeight": whole}));
        let router = parsed(&strategy).expect("is valid");
        let named = ingress("web", "shop-web-canary");
        let observed = observed(&[object("web", json!({}), stable_spec())]);
        let mut found: Map<String, Value> =
            [("nginx.ingress.kubernetes.io/canary".to_owned(), "true".into())].into_iter().collect();
        let given = annotations.as_object().expect("annotations").iter();
        found.extend(given.map(|(name, value)| (format!("nginx.ingress.kubernetes.io/{name}"), value.clone())));
        let found = object("shop-web-canary", Value::Object(found), canary_spec());
        let stable = whole.unwrap_or(100) - canary;
        assert_eq!(router.weights(&observed, &named, &found), [Weights { canary, stable }], "{annotations}");
        let wanted = Wanted { whole: whole.unwrap_or(100), ..wanted(7) };
        let Some(Change::Patch(patch)) = router.change(&observed, &named, &found, &wanted) else { panic!("a patch") };
        let written = plan::patched(&found, &patch);
        assert_eq!(router.text_of(&written, "canary-weight-total"), total, "{annotations}");
        let stable = whole.unwrap_or(100) - 7;
        assert_eq!(router.weights(&observed, &named, &written), [Weights { canary: 7, stable }], "{annotations}");
    }
}

#[test]
fn every_ingress_must_be_there_and_ours_be_ours() {
    let strategy = canary(&json!({"nginx": {"stableIngresses": ["web"]}}));
    let router = parsed(&strategy).expect("is valid");
    let path = format!("{NGINX}.stableIngresses[0]: Invalid value: \"web\": ");
    let stable = |services: &[&str]| object("web", json!({}), json!({"rules": [rule(services)]}));
    let beside = |owner: &str| owned_by(object("shop-web-canary", json!({}), json!({})), owner);
    let missing = format!("{path}ingresses.networking.k8s.io \"web\" not found");
    let lacking = format!("{path}ingress `web` has no rules using service stable backend");
    let taken = format!("{path}canary ingress `shop-web-canary` controlled by different object");
    for (objects, expected) in [
        (vec![], Err(missing)),
        (vec![stable(&["api"])], Err(lacking)),
        (vec![stable(&["api", "stable"])], Ok(())),
        (vec![stable(&["stable"]), beside("me")], Ok(())),
        (vec![stable(&["stable"]), beside("you")], Err(taken.clone())),
        (vec![stable(&["stable"]), object("shop-web-canary", json!({}), json!({}))], Err(taken)),
    ] {
        assert_eq!(said(&router, &observed(&objects)), expected, "{objects:?}");
    }
}

#[test]
fn events_tell_in_the_words_that_clients_know() {
    for (change, reason, message) in [
        (
            Change::Create(Value::Null),
            "CreatingCanaryIngress",
            "Creating canary ingress `shop-web-canary` with weight `20`",
        ),
        (
            Change::Patch(Value::Null),
            "PatchingCanaryIngress",
            "Updating Ingress `shop-web-canary` to desiredWeight '20'",
        ),
    ] {
        assert_eq!(told("shop-web-canary", &change, &wanted(20)), Event::normal(reason, message));
    }
}

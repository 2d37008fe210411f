//! What the annotations of an Ingress hold, how they and its paths look after a change, and what is refused.

use super::{
    super::samples::{self, branch, brought, observed, said, wanted},
    *,
};

const ALB: &str = "spec.strategy.canary.trafficRouting.alb";
const ACTION: &str = "alb.ingress.kubernetes.io/actions.stable";
const RECORD: &str = "rollouts.argoproj.io/managed-alb-annotations";

fn canary_of(alb: Value) -> CanaryStrategy {
    let routing = json!({"alb": alb, "managedRoutes": [{"name": "first"}, {"name": "second"}]});
    let steps = json!([
        {"setHeaderRoute": {"name": "second", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]}},
        {"setHeaderRoute": {"name": "first", "match": [
            {"headerName": "agent", "headerValue": {"exact": "a"}}, {"headerName": "x", "headerValue": {"exact": "1"}},
            {"headerName": "agent", "headerValue": {"exact": "b"}},
        ]}},
    ]);
    CanaryStrategy { steps: serde_json::from_value(steps).expect("steps"), ..samples::canary(&routing) }
}

fn parsed(strategy: &CanaryStrategy) -> Result<Alb<'_>, String> {
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.alb.as_ref()).expect("alb");
    Alb::parse(strategy, Services::of(strategy, &Default::default()), settings).map_err(|invalid| invalid.to_string())
}

fn owner() -> ObjectMeta {
    ObjectMeta { name: "shop".into(), namespace: "web".into(), uid: "me".into(), ..ObjectMeta::default() }
}

fn path(service: &str) -> Value {
    let port = json!({"name": "use-annotation"});
    json!({"path": "/*", "pathType": "ImplementationSpecific", "backend": {"service": {"name": service, "port": port}}})
}

fn rule(services: &[&str]) -> Value {
    json!({"host": "shop.example", "http": {"paths": services.iter().map(|service| path(service)).collect::<Vec<_>>()}})
}

fn object(annotations: Value, rules: Value) -> Value {
    let mut object = samples::object(&kind::INGRESS, "ingress", json!({ "rules": rules }));
    object["metadata"]["annotations"] = annotations;
    object
}

fn patched(router: &Alb<'_>, found: &Value, wanted: &Wanted<'_>) -> Value {
    brought(router, &observed(&[]), &object_of(&owner(), "ingress"), found, wanted)
}

#[test]
fn an_action_is_written_as_clients_compare_it() {
    let plain = r#"{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"canary","ServicePort":"80","Weight":10},{"ServiceName":"stable","ServicePort":"80","Weight":90}]}}"#;
    let sticky = r#"{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"canary","ServicePort":"80","Weight":0},{"ServiceName":"stable","ServicePort":"80","Weight":100}],"TargetGroupStickinessConfig":{"Enabled":true,"DurationSeconds":300}}}"#;
    let with_experiment = r#"{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"canary","ServicePort":"80","Weight":10},{"ServiceName":"trial","ServicePort":"80","Weight":5},{"ServiceName":"stable","ServicePort":"80","Weight":85}]}}"#;
    for (more, wanted, key, expected) in [
        (json!({}), wanted(10), ACTION, plain),
        (json!({"stickinessConfig": {"enabled": false, "durationSeconds": 0}}), wanted(10), ACTION, plain),
        (json!({"stickinessConfig": {"enabled": true, "durationSeconds": 300}}), wanted(0), ACTION, sticky),
        (json!({"rootService": "root"}), wanted(10), "alb.ingress.kubernetes.io/actions.root", plain),
        (json!({"annotationPrefix": "example.com"}), wanted(10), "example.com/actions.stable", plain),
        (json!({}), Wanted { others: vec![branch("trial", 5)], ..wanted(10) }, ACTION, with_experiment),
    ] {
        let mut alb = json!({"ingress": "ingress", "servicePort": 80});
        alb.as_object_mut().expect("settings").extend(more.as_object().expect("settings").clone());
        let strategy = canary_of(alb);
        let router = parsed(&strategy).expect("is valid");
        let written = patched(&router, &object(json!({"other": "1"}), json!([rule(&["stable"])])), &wanted);
        let annotations = &written["metadata"]["annotations"];
        assert_eq!(annotations[key], expected, "{more}");
        assert_eq!(annotations[RECORD], format!("{{\"shop\":[\"{key}\"]}}"), "{more}");
        assert_eq!(annotations["other"], "1", "that of others stays");
        let named = object_of(&owner(), "ingress");
        let weights = Weights { canary: wanted.canary, stable: wanted.stable() };
        assert_eq!(router.weights(&observed(&[]), &named, &written), [weights], "{more}");
        assert_eq!(router.change(&observed(&[]), &named, &written, &wanted), None, "it is as it should be: {more}");
    }
}

#[test]
fn weights_are_read_as_parts_of_all_requests() {
    let strategy = canary_of(json!({"ingress": "ingress", "servicePort": 80}));
    let router = parsed(&strategy).expect("is valid");
    let named = object_of(&owner(), "ingress");
    let action = |groups: &str| format!("{{\"ForwardConfig\":{{\"TargetGroups\":[{groups}]}}}}");
    let group = |service: &str, weight: i64| {
        format!("{{\"ServiceName\":\"{service}\",\"ServicePort\":80,\"Weight\":{weight}}}")
    };
    for (text, canary, stable) in [
        (action(&[group("canary", 1), group("stable", 3)].join(",")), 25, 75),
        (action(&[group("stable", 100)].join(",")), 0, 100),
        // Somebody else's Services.
        (action(&[group("old", 100)].join(",")), 0, 0),
        (action(""), 0, 0),
        ("nothing of the kind".to_owned(), 0, 100),
    ] {
        let found = object(json!({ ACTION: text }), json!([]));
        assert_eq!(router.weights(&observed(&[]), &named, &found), [Weights { canary, stable }], "{text}");
    }
    assert_eq!(
        router.weights(&observed(&[]), &named, &object(json!({}), json!([]))),
        [Weights { canary: 0, stable: 100 }]
    );
    assert_eq!(router.weights(&observed(&[]), &object_of(&owner(), "x"), &object(json!({}), json!([]))), []);
}

#[test]
fn header_routes_come_first_and_go_without_a_trace() {
    let strategy = canary_of(json!({"ingress": "ingress", "servicePort": 80}));
    let router = parsed(&strategy).expect("is valid");
    let others = json!({"shop": [ACTION], "else": ["x"]}).to_string();
    let action = r#"{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"canary","ServicePort":"80","Weight":10},{"ServiceName":"stable","ServicePort":"80","Weight":90}]}}"#;
    let found = object(
        json!({ACTION: action, RECORD: others}),
        json!([rule(&["stable", "api"]), rule(&["api"]), {"host": "empty"}]),
    );
    let with = |steps: usize| Wanted { managed: router::managed_after(&strategy, steps), ..wanted(10) };
    let one = patched(&router, &found, &with(1));
    let two = patched(&router, &one, &with(2));
    let rules = |object: &Value| object["spec"]["rules"].clone();
    assert_eq!(rules(&one), json!([rule(&["second", "stable", "api"]), rule(&["api"]), {"host": "empty"}]));
    assert_eq!(rules(&two), json!([rule(&["first", "second", "stable", "api"]), rule(&["api"]), {"host": "empty"}]));
    let annotations = &two["metadata"]["annotations"];
    let all = r#"{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"canary","ServicePort":"80","Weight":100}]}}"#;
    assert_eq!(annotations["alb.ingress.kubernetes.io/actions.first"], all);
    assert_eq!(
        annotations["alb.ingress.kubernetes.io/conditions.first"],
        r#"[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"agent","values":["a","b"]}},{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"x","values":["1"]}}]"#
    );
    let record: Value = serde_json::from_str(annotations[RECORD].as_str().expect("text")).expect("JSON");
    assert_eq!(record["else"], json!(["x"]), "that of another Rollout stays");
    assert_eq!(record["shop"].as_array().map(Vec::len), Some(5), "{record}");
    assert_eq!(router.managed(&observed(&[]), &object_of(&owner(), "ingress"), &two), ["first", "second"]);
    let gone = patched(&router, &two, &wanted(10));
    assert_eq!(rules(&gone), rules(&found));
    let record: Value =
        serde_json::from_str(gone["metadata"]["annotations"][RECORD].as_str().expect("text")).expect("JSON");
    assert_eq!(record, json!({"shop": [ACTION], "else": ["x"]}));
    let names: Vec<&String> = gone["metadata"]["annotations"].as_object().expect("annotations").keys().collect();
    assert_eq!(names, [ACTION, RECORD]);
}

#[test]
fn what_the_spec_shows_is_checked_at_its_path() {
    let sticky = |secs: i64| json!({"ingress": "a", "stickinessConfig": {"enabled": true, "durationSeconds": secs}});
    let too_long = |secs: i64| {
        let words = "TargetGroupStickinessConfig's duration must be between 1 and 604800 seconds (7 days)!";
        format!("{ALB}.stickinessConfig.durationSeconds: Invalid value: {secs}: {words}")
    };
    let one_of = |found: &str| {
        format!("{ALB}: Internal error: Either Ingress or Ingresses must be configured. {found} are configured.")
    };
    for (alb, problem) in [
        (json!({"ingress": "a"}), None),
        (json!({"ingresses": ["a", "b"]}), None),
        (json!({}), Some(one_of("Neither"))),
        (json!({"ingress": "a", "ingresses": ["b"]}), Some(one_of("Both"))),
        (sticky(604_800), None),
        (sticky(604_801), Some(too_long(604_801))),
        (sticky(0), Some(too_long(0))),
    ] {
        assert_eq!(parsed(&canary_of(alb.clone())).err(), problem, "{alb}");
    }
}

#[test]
fn every_ingress_must_be_there_and_lead_to_the_service_of_the_action() {
    let strategy = canary_of(json!({"ingresses": ["ingress"], "rootService": "root"}));
    let router = parsed(&strategy).expect("is valid");
    let path = format!("{ALB}.ingresses[0]: Invalid value: \"ingress\": ");
    let lacking = format!("{path}ingress `ingress` has no rules using service root backend");
    for (rules, expected) in [
        (None, Err(format!("{path}ingresses.networking.k8s.io \"ingress\" not found"))),
        (Some(json!([rule(&["stable"])])), Err(lacking)),
        (Some(json!([rule(&["stable"]), rule(&["root"])])), Ok(())),
    ] {
        let found: Vec<Value> = rules.into_iter().map(|rules| object(json!({}), rules)).collect();
        assert_eq!(said(&router, &observed(&found)), expected);
    }
}

#[test]
fn events_tell_in_the_words_that_clients_know() {
    let strategy = canary_of(json!({"ingress": "ingress"}));
    let router = parsed(&strategy).expect("is valid");
    let managed = router::managed_after(&strategy, 1);
    let with = Wanted { managed, ..wanted(20) };
    let known = ["second".to_owned()];
    for (is_weighed, known, wanted, expected) in [
        (false, &[][..], &wanted(20), vec!["to desiredWeight '20'"]),
        (true, &[][..], &wanted(20), vec!["to desiredWeight '20'"]),
        (true, &[][..], &with, vec!["to headerRoute 'second'"]),
        (false, &known[..], &with, vec!["to desiredWeight '20'"]),
        (false, &known[..], &wanted(20), vec!["to desiredWeight '20'", "removing managed routes"]),
    ] {
        let before = Before { is_weighed, managed: known };
        let events = router.told("ingress", &Change::Patch(Value::Null), before, wanted);
        let texts: Vec<String> = events.into_iter().map(|event| event.message).collect();
        let expected: Vec<String> = expected.iter().map(|text| format!("Updating Ingress `ingress` {text}")).collect();
        assert_eq!(texts, expected);
    }
}

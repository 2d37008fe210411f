//! `explain`: what is read for it, and what is said when something may not be read.

use super::world::World;
use sim::server::{call::Call, faults::Verdict};
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn a_pause_that_waits_for_somebody() {
    let world = World::recorded("istio-host-weight-20").await;
    let expected = "\
Rollout shop in namespace u-istio-host-weight-20 is ॥ Paused: CanaryPauseStep

Why
  the update from revision 1 to revision 2 is at step 2 of 4 (pause), with 20 % of the traffic on revision 2
";
    for line in ["explain rollout shop", "explain rollout/shop", "explain ro shop"] {
        let outcome = world.run(line).await;
        assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""), "{line}");
        assert!(outcome.out.starts_with(expected), "{}", outcome.out);
    }
    let commands = "  let the update go on now  kubectl leadline promote shop -n u-istio-host-weight-20\n";
    assert!(world.run("explain ro shop").await.out.contains(commands));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_not_there() {
    let world = World::recorded("basic-healthy-after-three-revisions").await;
    world.report(serde_json::json!({ "observedGeneration": "0" })).await;
    let out = world.run("explain rollout shop").await.out;
    assert!(out.contains("no controller runs: nobody holds a lease leadline-controller or argo-"), "{out}");
    let lease = "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: leadline-controller, namespace: default}, \
                 spec: {holderIdentity: one, leaseDurationSeconds: 15, renewTime: \"2027-01-15T08:00:00.000000Z\"}}";
    world.server.apply_yaml(lease).expect("is taken");
    let out = world.run("explain rollout shop").await.out;
    assert!(out.contains("one leads: it renewed its lease default/leadline-controller 0s ago"), "{out}");
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let out = world.run("explain rollout shop").await.out;
    assert!(
        out.contains("no controller runs: one was the last to renew the lease leadline-controller, since 60s"),
        "{out}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_said_to_be_unknown() {
    let world = World::recorded("basic-new-pods-never-ready").await;
    world.server.set_faults(Some(Arc::new(|call: &Call| {
        if ["pods", "leases"].contains(&call.resource.as_str()) { Verdict::Refuse(403) } else { Verdict::Pass }
    })));
    let outcome = world.run("explain rollout shop").await;
    assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""));
    assert!(outcome.out.contains("pods of shop-777869bff6 are available"), "{}", outcome.out);
    assert!(outcome.out.contains("\nNot known\n"), "{}", outcome.out);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_found_is_looked_for_again() {
    let world = World::recorded("istio-host-weight-20").await;
    let message = "The Rollout \"shop\" is invalid: spec.strategy.canary.canaryService: Invalid value: \"there\": \
                   service \"there\" not found";
    world
        .report(serde_json::json!({"conditions": [{
            "type": "InvalidSpec", "status": "True", "reason": "InvalidSpec", "message": message,
            "lastUpdateTime": "2027-01-15T08:00:00Z", "lastTransitionTime": "2027-01-15T08:00:00Z",
        }]}))
        .await;
    let out = world.run("explain rollout shop").await.out;
    assert!(out.contains("Service there was looked for just now and is not there"), "{out}");
    let service = format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: there, namespace: {}}}, spec: {{ports: [{{port: 80}}]}}}}",
        world.namespace
    );
    world.server.apply_yaml(&service).expect("is taken");
    let out = world.run("explain rollout shop").await.out;
    assert!(out.contains("Service there is there now"), "{out}");
}

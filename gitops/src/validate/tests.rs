//! Tables of specs and syncs that are carried out or refused.

use super::*;
use crds::Application;
use serde_json::json;

fn application(change: &Value) -> Application {
    let mut spec = json!({
        "project": "default",
        "source": {"repoURL": "https://example.com/shop.git", "path": "apps/web", "targetRevision": "main"},
        "destination": {"server": "https://kubernetes.default.svc/", "namespace": "shop"},
    });
    merge(&mut spec, change);
    Application::from_value(&json!({"metadata": {"name": "web"}, "spec": spec})).expect("is an Application")
}

fn merge(into: &mut Value, change: &Value) {
    for (name, value) in change.as_object().into_iter().flatten() {
        match into.get_mut(name) {
            Some(Value::Object(_)) if value.is_object() => merge(&mut into[name], value),
            _ => into[name] = value.clone(),
        }
    }
}

fn refused(change: &Value) -> Vec<String> {
    spec(&application(change), false).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_carried_out() {
    for change in [
        json!({}),
        json!({"source": null, "sources": [{"repoURL": "git@example.com:shop.git", "path": "."}]}),
        json!({"destination": {"server": null, "name": "in-cluster"}}),
        json!({"syncPolicy": {"automated": {"prune": true, "selfHeal": true, "allowEmpty": true}, "retry": {"limit": 3}}}),
        json!({"syncPolicy": {"syncOptions": ["CreateNamespace=true", "PrunePropagationPolicy=background", "ApplyOutOfSyncOnly=true", "ServerSideApply=true", "Prune=false", "Unheard=of"]}}),
        json!({"source": {"helm": {}, "kustomize": {}, "directory": {"recurse": true}}}),
        json!({"info": [{"name": "a", "value": "b"}], "revisionHistoryLimit": 3, "ignoreDifferences": []}),
        json!({"unknown": {"field": 1}}),
    ] {
        assert_eq!(refused(&change), Vec::<String>::new(), "{change}");
    }
}

#[test]
fn what_is_refused() {
    let unsupported = |path: &str| vec![format!("{path}: Forbidden: not supported by this version")];
    for (change, expected) in [
        (json!({"source": {"chart": "x"}}), unsupported("spec.source.chart")),
        (json!({"source": {"helm": {"releaseName": "x"}}}), unsupported("spec.source.helm")),
        (json!({"source": {"kustomize": {"namePrefix": "x"}}}), unsupported("spec.source.kustomize")),
        (json!({"source": {"plugin": {"name": "x"}}}), unsupported("spec.source.plugin")),
        (json!({"source": {"ref": "x"}}), unsupported("spec.source.ref")),
        (json!({"source": {"directory": {"include": "*.yaml"}}}), unsupported("spec.source.directory.include")),
        (json!({"source": {"repoURL": "file:///tmp/x"}}), unsupported("spec.source.repoURL")),
        (json!({"source": {"repoURL": "oci://x/y"}}), unsupported("spec.source.repoURL")),
        (json!({"sources": [{"repoURL": "a"}, {"repoURL": "b"}]}), unsupported("spec.sources")),
        (json!({"project": "team"}), unsupported("spec.project")),
        (json!({"destination": {"server": "https://10.0.0.1"}}), unsupported("spec.destination.server")),
        (json!({"destination": {"server": null, "name": "prod"}}), unsupported("spec.destination.name")),
        (json!({"ignoreDifferences": [{"kind": "X", "jsonPointers": ["/a"]}]}), unsupported("spec.ignoreDifferences")),
        (json!({"sourceHydrator": {"drySource": {"repoURL": "x"}}}), unsupported("spec.sourceHydrator")),
        (
            json!({"syncPolicy": {"managedNamespaceMetadata": {"labels": {"a": "b"}}}}),
            unsupported("spec.syncPolicy.managedNamespaceMetadata"),
        ),
        (json!({"syncPolicy": {"retry": {"refresh": true}}}), unsupported("spec.syncPolicy.retry.refresh")),
        (
            json!({"syncPolicy": {"syncOptions": ["CreateNamespace=true", "Replace=true"]}}),
            unsupported("spec.syncPolicy.syncOptions[1]"),
        ),
        (
            json!({"syncPolicy": {"syncOptions": ["ServerSideApply=false"]}}),
            unsupported("spec.syncPolicy.syncOptions[0]"),
        ),
        (json!({"source": null}), vec!["spec.source: Required value: a Git repository".into()]),
        (json!({"source": {"repoURL": ""}}), vec!["spec.source.repoURL: Required value".into()]),
        (
            json!({"source": {"path": "a/../.."}}),
            vec!["spec.source.path: Invalid value: \"a/../..\" is not a folder inside the repository".into()],
        ),
        (json!({"destination": {"server": null}}), vec!["spec.destination: Required value: server or name".into()]),
        (
            json!({"destination": {"name": "in-cluster"}}),
            vec!["spec.destination: Invalid value: server and name cannot both be set".into()],
        ),
    ] {
        assert_eq!(refused(&change), expected, "{change}");
    }
}

#[test]
fn paths_inside_the_repository() {
    for (path, expected) in
        [("", ""), (".", ""), ("./", ""), ("apps/web/", "apps/web"), ("./apps", "apps"), (".github", ".github")]
    {
        let spec = spec(&application(&json!({"source": {"path": path}})), false).expect("is carried out");
        assert_eq!(spec.path(), expected, "{path:?}");
    }
}

#[test]
fn syncs_that_somebody_asks_for() {
    let own = spec(&application(&json!({})), false).expect("is carried out");
    for (operation, expected) in [
        (json!({"sync": {"revision": "abc", "prune": true, "syncStrategy": {"hook": {}}}}), ""),
        (
            json!({"sync": {"resources": [{"kind": "Service", "name": "web"}]}, "retry": {"limit": 2}, "info": [{"name": "a", "value": "b"}]}),
            "",
        ),
        (json!({}), "operation.sync: Required value"),
        (json!({"sync": {"dryRun": true}}), "operation.sync.dryRun: Forbidden: not supported by this version"),
        (json!({"sync": {"manifests": ["x"]}}), "operation.sync.manifests: Forbidden: not supported by this version"),
        (
            json!({"sync": {"source": {"repoURL": "other"}}}),
            "operation.sync.source: Forbidden: not supported by this version",
        ),
        (
            json!({"sync": {"syncStrategy": {"apply": {"force": true}}}}),
            "operation.sync.syncStrategy.apply.force: Forbidden: not supported by this version",
        ),
        (
            json!({"sync": {"syncOptions": ["Force=true"]}}),
            "operation.sync.syncOptions[0]: Forbidden: not supported by this version",
        ),
    ] {
        let read = serde_json::from_value(operation.clone()).expect("is an operation");
        let errors = request(&read, &own).err().unwrap_or_default();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), expected, "{operation}");
    }
}

#[test]
fn options_of_one_object() {
    for (annotation, expected) in [
        ("Prune=false", Ok((true, false))),
        ("Delete=false, ServerSideApply=true", Ok((false, true))),
        ("", Ok((false, false))),
        ("Replace=true", Err("Replace=true")),
        ("Prune=confirm", Err("Prune=confirm")),
    ] {
        let read = ResourceOptions::parse(annotation);
        let read = read.as_ref().map(|options| (options.is_kept_from_pruning, options.is_kept_on_deletion));
        assert_eq!(read.map_err(String::as_str), expected, "{annotation}");
    }
}

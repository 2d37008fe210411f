//! The CustomResourceDefinitions of a world: ours, as the chart installs them, and the two of Istio, without their schemas.

/// Istio serves its kinds in several versions; the schemas are left to Istio.
const VIRTUAL_SERVICES: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: virtualservices.networking.istio.io}
spec:
  group: networking.istio.io
  scope: Namespaced
  names: {kind: VirtualService, listKind: VirtualServiceList, plural: virtualservices, singular: virtualservice, shortNames: [vs]}
  versions:
  - &version
    name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
  - {<<: *version, name: v1beta1, storage: false}
";

const DESTINATION_RULES: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: destinationrules.networking.istio.io}
spec:
  group: networking.istio.io
  scope: Namespaced
  names: {kind: DestinationRule, listKind: DestinationRuleList, plural: destinationrules, singular: destinationrule, shortNames: [dr]}
  versions:
  - &version
    name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
  - {<<: *version, name: v1beta1, storage: false}
";

/// All definitions, as YAML.
pub fn definitions() -> Vec<&'static str> {
    vec![
        include_str!("../../../charts/leadline/crds/rollouts.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/analysistemplates.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/clusteranalysistemplates.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/analysisruns.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/experiments.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/applications.argoproj.io.yaml"),
        include_str!("../../../charts/leadline/crds/appprojects.argoproj.io.yaml"),
        VIRTUAL_SERVICES,
        DESTINATION_RULES,
    ]
}

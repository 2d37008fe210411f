{{/*
What the controller does, and no more. It changes objects by patch, so it may update none of them. It reads Secrets nowhere
by this rule; see secrets.yaml.
*/}}
{{- define "leadline.rules" -}}
# Rollouts are driven; `finalizers` lets the controller name a Rollout, or an Experiment, as the owner of what it makes.
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
- apiGroups: [argoproj.io]
  resources: [rollouts/status]
  verbs: [patch]
- apiGroups: [argoproj.io]
  resources: [rollouts/finalizers, experiments/finalizers]
  verbs: [update]
- apiGroups: [argoproj.io]
  resources: [analysisruns]
  verbs: [get, list, watch, create, patch, delete]
# A step starts one and removes those beyond the history limit.
- apiGroups: [argoproj.io]
  resources: [experiments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [argoproj.io]
  resources: [analysistemplates{{ if not .Values.namespaced }}, clusteranalysistemplates{{ end }}]
  verbs: [get, list, watch]
{{- if .Values.applications.enabled }}
- apiGroups: [argoproj.io]
  resources: [applications]
  verbs: [get, list, watch, patch]
{{- end }}
# A revision is a ReplicaSet.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch, create, patch, delete]
# A Rollout may take its pod template from a workload; a Deployment then gives its pods up.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [podtemplates]
  verbs: [get, list, watch]
# Whether a revision can take traffic is read from its pods and endpoints; pods carry the metadata of their revision's role.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
# A restart evicts them, so that PodDisruptionBudgets are asked.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
# Selectors; and the Services of Experiments, which come and go.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# Weights and subsets.
- apiGroups: [networking.istio.io]
  resources: [virtualservices, destinationrules]
  verbs: [get, list, watch, patch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, tcproutes, tlsroutes]
  verbs: [get, list, watch, patch]
# With nginx the canary has an Ingress of its own.
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch]
# With SMI a Rollout has a TrafficSplit of its own.
- apiGroups: [split.smi-spec.io]
  resources: [trafficsplits]
  verbs: [get, list, watch, create, patch]
- apiGroups: [traefik.io, traefik.containo.us]
  resources: [traefikservices]
  verbs: [get, list, watch, patch]
# With APISIX a route by header is an ApisixRoute of its own, which comes and goes.
- apiGroups: [apisix.apache.org]
  resources: [apisixroutes]
  verbs: [get, list, watch, create, patch, delete]
# With App Mesh a virtual service names the router, and nodes know pods by the label of their revision.
- apiGroups: [appmesh.k8s.aws]
  resources: [virtualservices]
  verbs: [get, list, watch]
- apiGroups: [appmesh.k8s.aws]
  resources: [virtualrouters, virtualnodes]
  verbs: [get, list, watch, patch]
# With Ambassador the canary has a Mapping of its own.
- apiGroups: [getambassador.io]
  resources: [mappings]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

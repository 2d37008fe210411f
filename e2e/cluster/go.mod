// The local cluster: builds, starts and stops it. Standard library only, so that it compiles in
// seconds; the Kubernetes programs are a module of their own in kube/.
module leadline.dev/e2e/cluster

go 1.26.0

package cluster

import (
	"fmt"
	"os"
	"strings"
	"time"

	"leadline.dev/e2e/cluster/internal/daemon"
)

// fakeNodes are enough for the load tests' pods: each takes 11,000.
var fakeNodes = []string{"fake-1", "fake-2"}

// startFakeNodes starts kwok with our stages and creates the nodes that it plays.
func (c *Cluster) startFakeNodes() error {
	stages, err := files.ReadFile("files/stages.yaml")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Path("stages.yaml"), stages, 0o644); err != nil {
		return err
	}
	var manifests strings.Builder
	for _, name := range fakeNodes {
		fmt.Fprintf(&manifests, "---\napiVersion: v1\nkind: Node\nmetadata:\n  name: %s\n"+
			"  annotations: {kwok.x-k8s.io/node: fake}\n  labels: {kubernetes.io/hostname: %s}\n", name, name)
	}
	if err := c.apply(manifests.String()); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "kwok", Path: c.parts.Path("kwok"), Arguments: []string{
		"--kubeconfig=" + c.Path("kwok.kubeconfig"), "--config=" + c.Path("stages.yaml"),
		"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		"--cidr=198.18.0.0/17", "--node-ip=127.0.0.1", "--node-lease-duration-seconds=40",
		"--server-address=" + c.Local(portKwok),
	}}); err != nil {
		return err
	}
	client, err := c.adminClient()
	if err != nil {
		return err
	}
	for _, name := range fakeNodes {
		if err := c.await("kwok", "node "+name, time.Minute, c.nodeIsReady(client, name)); err != nil {
			return err
		}
	}
	return nil
}

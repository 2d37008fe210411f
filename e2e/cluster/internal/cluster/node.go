package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"leadline.dev/e2e/cluster/internal/daemon"
	"leadline.dev/e2e/cluster/internal/image"
)

// nodeName is the one real node.
const nodeName = "local"

// Images, as manifests name them.
const (
	appImage   = "docker.io/" + image.App
	pauseImage = "docker.io/" + image.Pause + ":1"
)

// overlayMagic is the file system type of an overlay, on which no second overlay can be mounted.
const overlayMagic = 0x794c7630

// containerdSocket is where containerd and its clients meet.
func (c *Cluster) containerdSocket() string { return c.Path("containerd.sock") }

// startNode starts registry, containerd and kubelet and waits until pods can run.
func (c *Cluster) startNode() error {
	for _, step := range []func() error{c.startRegistry, c.makeNetwork, c.startContainerd, c.startKubelet} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// startRegistry builds the workload's program and serves it as images.
func (c *Cluster) startRegistry() error {
	program := c.Path("app")
	if err := c.parts.BuildHere("app", program); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "registry", Path: c.self, Arguments: []string{
		"serve-registry", "--listen", c.Local(portRegistry), "--program", program,
	}}); err != nil {
		return err
	}
	if err := c.await("registry", "image registry", 30*time.Second, answers(plain, "http://"+c.Local(portRegistry)+"/v2/")); err != nil {
		return err
	}
	hosts := fmt.Sprintf("server = %q\n[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n",
		"http://"+c.Local(portRegistry), "http://"+c.Local(portRegistry))
	for _, host := range []string{"docker.io", "_default"} {
		folder := c.Path("registries", host)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(hosts), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// startContainerd starts the container runtime with everything it writes below the state folder.
func (c *Cluster) startContainerd() error {
	snapshotter, err := snapshotterFor(c.State)
	if err != nil {
		return err
	}
	values := map[string]any{
		"State": c.State, "Socket": c.containerdSocket(), "Programs": c.parts.Folder(),
		"PauseImage": pauseImage, "Snapshotter": snapshotter,
	}
	if err := c.writeRendered("containerd.toml", c.Path("containerd.toml"), values); err != nil {
		return err
	}
	if err := c.start(daemon.Program{
		Name: "containerd", Path: c.parts.Path("containerd"),
		Arguments: []string{"--config", c.Path("containerd.toml"), "--log-level", "warn"},
		// It finds its shim and runc by name.
		Env: []string{"PATH=" + c.parts.Folder() + ":" + os.Getenv("PATH")},
	}); err != nil {
		return err
	}
	return c.await("containerd", "containerd", time.Minute, func() error {
		_, err := os.Stat(c.containerdSocket())
		return err
	})
}

// snapshotterFor chooses how image layers are stacked below a folder.
func snapshotterFor(folder string) (string, error) {
	var system syscall.Statfs_t
	if err := syscall.Statfs(folder, &system); err != nil {
		return "", fmt.Errorf("file system of %s: %w", folder, err)
	}
	if system.Type == overlayMagic {
		return "native", nil
	}
	return "overlayfs", nil
}

// startKubelet starts the node's agent and waits until the node is ready.
func (c *Cluster) startKubelet() error {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	values := map[string]any{
		"State": c.State, "NodeAddress": c.NodeAddress(), "Socket": c.containerdSocket(),
		"Port": c.Port(portKubelet), "HealthPort": c.Port(portKubeletHealth),
		"Authority": c.authority.Path("ca.crt"), "Certificate": c.authority.Path("kubelet-server.crt"),
		"Key": c.authority.Path("kubelet-server.key"), "CgroupV1": os.IsNotExist(err),
	}
	if err := c.writeRendered("kubelet.yaml", c.Path("kubelet.yaml"), values); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "kubelet", Path: c.parts.Path("kube"), Arguments: []string{
		"--config=" + c.Path("kubelet.yaml"), "--kubeconfig=" + c.Path("kubelet.kubeconfig"),
		"--root-dir=" + c.Path("kubelet"), "--cert-dir=" + c.Path("kubelet", "pki"),
		"--hostname-override=" + nodeName, "--node-ip=" + c.NodeAddress(),
	}}); err != nil {
		return err
	}
	client, err := c.adminClient()
	if err != nil {
		return err
	}
	return c.await("kubelet", "node", 2*time.Minute, c.nodeIsReady(client, nodeName))
}

package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// makeNetwork makes the bridge that pods are attached to, and the route that swallows what is
// sent to a ClusterIP: there is no kube-proxy, and nothing may leave the machine.
func (c *Cluster) makeNetwork() error {
	if err := os.MkdirAll(c.Path("cni"), 0o755); err != nil {
		return err
	}
	values := map[string]any{
		"Name": c.Name(), "State": c.State, "PodRange": c.PodRange(), "NodeAddress": c.NodeAddress(),
	}
	if err := c.writeRendered("network.conflist", c.Path("cni", "network.conflist"), values); err != nil {
		return err
	}
	if !c.hasBridge() {
		if err := ip("link", "add", "name", c.Name(), "type", "bridge"); err != nil {
			return err
		}
	}
	for _, arguments := range [][]string{
		{"address", "replace", c.NodeAddress() + "/24", "dev", c.Name()},
		{"link", "set", "dev", c.Name(), "up"},
		{"route", "replace", "blackhole", c.ServiceRange()},
	} {
		if err := ip(arguments...); err != nil {
			return err
		}
	}
	return nil
}

// removeNetwork removes what makeNetwork made; the pods' ends have gone with their namespaces.
func (c *Cluster) removeNetwork() error {
	if c.hasBridge() {
		if err := ip("link", "delete", "dev", c.Name()); err != nil {
			return err
		}
	}
	routes, err := exec.Command("ip", "route", "show", "type", "blackhole").Output()
	if err != nil {
		return fmt.Errorf("ip route: %w", err)
	}
	if strings.Contains(string(routes), "blackhole "+c.ServiceRange()) {
		if err := ip("route", "delete", "blackhole", c.ServiceRange()); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) hasBridge() bool {
	_, err := os.Stat("/sys/class/net/" + c.Name())
	return err == nil
}

func ip(arguments ...string) error {
	if output, err := exec.Command("ip", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w\n%s", strings.Join(arguments, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

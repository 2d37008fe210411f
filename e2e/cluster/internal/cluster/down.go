package cluster

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// stopOrder stops users before what they use. The API server goes before etcd: without etcd it
// hangs on SIGTERM.
var stopOrder = []string{
	"prometheus", "envoy", "istiod", "kwok", "kubelet", "containerd", "registry", "git-server",
	"kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd",
}

// grace is how long a program may take to end by itself.
const grace = 5 * time.Second

// Down stops everything and takes away everything but the logs. It works on what an interrupted
// `up` or `down` left, too.
func (c *Cluster) Down() error {
	unlock, err := lock(c.State)
	if err != nil {
		return err
	}
	defer unlock()
	daemons := c.Daemons()
	names := slices.Clone(stopOrder)
	for _, name := range daemons.Names() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var failures []error
	for _, name := range names {
		_, alive := daemons.Alive(name)
		limit := grace
		if name == "kube-apiserver" {
			// It waits for open watches, and nobody is left who could miss it.
			limit = time.Second
		}
		if err := daemons.Stop(name, limit); err != nil {
			failures = append(failures, err)
		} else if alive {
			fmt.Fprintf(c.out, "stopped %s\n", name)
		}
		if name == "kubelet" && c.Profile == Real {
			// While containerd is there to see it: it then tidies up behind them.
			failures = append(failures, c.killContainers())
		}
	}
	if c.Profile == Real {
		failures = append(failures, c.removeNode())
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("%w\nrun `down` again to try the rest", err)
	}
	return c.forget()
}

// forget removes the state folder's content but for the logs.
func (c *Cluster) forget() error {
	entries, err := os.ReadDir(c.State)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == "log" {
			continue
		}
		if err := os.RemoveAll(c.Path(entry.Name())); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "the %s cluster is down; its logs are in %s\n", c.Profile, c.Path("log"))
	return nil
}

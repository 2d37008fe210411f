package cluster

import (
	"fmt"
	"net/http"
)

// check is one line of the status.
type check struct {
	program string
	address string
	ready   func() error
}

// checks lists the programs of the profile and how each shows that it works.
func (c *Cluster) checks(admin *http.Client) []check {
	at := func(port int, path string) (string, func() error) {
		url := "http://" + c.Local(port)
		return url, answers(plain, url+path)
	}
	secure := func(port int, path string) (string, func() error) {
		url := "https://" + c.Local(port)
		return url, answers(admin, url+path)
	}
	row := func(program string, address string, ready func() error) check {
		return check{program, address, ready}
	}
	with := func(program string, find func(int, string) (string, func() error), port int, path string) check {
		address, ready := find(port, path)
		return row(program, address, ready)
	}
	list := []check{
		with("etcd", at, portEtcd, "/health"),
		with("kube-apiserver", secure, portAPIServer, "/readyz"),
		with("kube-controller-manager", secure, portControllers, "/healthz"),
		with("kube-scheduler", secure, portScheduler, "/healthz"),
		with("git-server", at, portGit, "/demo.git/HEAD"),
	}
	if c.Profile == Light {
		for _, name := range fakeNodes {
			list = append(list, row("kwok", "node "+name, c.nodeIsReady(admin, name)))
		}
		return list
	}
	return append(list,
		with("registry", at, portRegistry, "/v2/"),
		row("containerd", c.containerdSocket(), func() error { return nil }),
		row("kubelet", "node "+nodeName, c.nodeIsReady(admin, nodeName)),
		with("istiod", at, portIstiodHTTP, "/ready"),
		with("envoy", at, portEnvoyAdmin, "/ready"),
		row("prometheus", "http://"+c.Local(portPrometheus), c.prometheusScrapes()),
	)
}

// Status prints how each program is and says whether all are well.
func (c *Cluster) Status() (bool, error) {
	if err := c.prepareKeys(); err != nil {
		return false, err
	}
	admin, err := c.adminClient()
	if err != nil {
		return false, err
	}
	fmt.Fprintf(c.out, "%s cluster in %s\n", c.Profile, c.State)
	well := true
	for _, line := range c.checks(admin) {
		pid, alive := c.Daemons().Alive(line.program)
		state := "not running"
		if alive {
			state = "ready"
			if err := line.ready(); err != nil {
				state = "not ready: " + err.Error()
			}
		}
		well = well && state == "ready"
		fmt.Fprintf(c.out, "  %-24s %8d  %-28s %s\n", line.program, pid, line.address, state)
	}
	return well, nil
}

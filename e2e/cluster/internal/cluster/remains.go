package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// What a real node leaves behind when it stops: mounts, sockets, control groups, links to logs,
// some of it outside the state folder because kubelet, containerd and the network plugins insist.
// All of it is found by names that only this cluster has.

// removeNode takes away what is left once kubelet and containerd have ended.
func (c *Cluster) removeNode() error {
	containers, sockets := c.containers(), c.shimSockets()
	failures := []error{c.killContainers(), c.killShims(), c.unmountAll()}
	for _, socket := range sockets {
		failures = append(failures, removeFile(socket))
	}
	failures = append(failures, removeCgroups(containers), c.removeOutside(), c.removeNetwork())
	return errors.Join(failures...)
}

// tasks is where containerd keeps a folder for each container that runs.
func (c *Cluster) tasks(below ...string) string {
	return c.Path(append([]string{"containerd-run", "io.containerd.runtime.v2.task", "k8s.io"}, below...)...)
}

// containers lists the identifiers of the containers.
func (c *Cluster) containers() []string {
	entries, err := os.ReadDir(c.tasks())
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

// shimSockets reads where the shims listen; killed ones leave their sockets behind.
func (c *Cluster) shimSockets() []string {
	var sockets []string
	for _, container := range c.containers() {
		for _, name := range []string{"bootstrap.json", "address"} {
			text, err := os.ReadFile(c.tasks(container, name))
			if err != nil {
				continue
			}
			for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '"' || r == '\n' }) {
				if path, isSocket := strings.CutPrefix(word, "unix://"); isSocket {
					sockets = append(sockets, path)
				}
			}
		}
	}
	return sockets
}

// unmountAll unmounts everything below the state folder, the innermost first.
func (c *Cluster) unmountAll() error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var failures []error
	for _, path := range mountsBelow(string(table), c.State) {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			failures = append(failures, fmt.Errorf("unmount %s: %w", path, err))
		}
	}
	return errors.Join(failures...)
}

// mountsBelow lists the mount points below a folder, the latest mounted first.
func mountsBelow(mountinfo, folder string) []string {
	var found []string
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for _, line := range strings.Split(mountinfo, "\n") {
		fields := strings.Fields(line)
		const mountPoint = 4
		if len(fields) <= mountPoint {
			continue
		}
		if path := unescape.Replace(fields[mountPoint]); strings.HasPrefix(path, folder+"/") {
			found = append(found, path)
		}
	}
	slices.Reverse(found)
	return found
}

// removeCgroups removes the control groups of containers, in each hierarchy of version 1 or in
// the one of version 2. The kernel takes a moment until a killed process has left its group.
func removeCgroups(containers []string) error {
	const parent = "k8s.io" // containerd's, so maybe not ours alone: it goes only when it is empty
	var failures []error
	for _, root := range []string{"/sys/fs/cgroup/" + parent, "/sys/fs/cgroup/*/" + parent} {
		for _, container := range containers {
			folders, err := filepath.Glob(filepath.Join(root, container))
			failures = append(failures, err)
			for _, folder := range folders {
				failures = append(failures, removeCgroup(folder))
			}
		}
		parents, err := filepath.Glob(root)
		failures = append(failures, err)
		for _, folder := range parents {
			_ = syscall.Rmdir(folder)
		}
	}
	return errors.Join(failures...)
}

func removeCgroup(folder string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Rmdir(folder)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove control group %s: %w", folder, err)
		}
	}
}

// outside are the folders that kubelet, containerd and the network plugins insist on.
var outside = []string{
	"/var/lib/cni/results", "/var/lib/cni", "/run/containerd/s", "/run/containerd",
	"/var/log/containers", "/var/lib/kubelet/device-plugins", "/var/lib/kubelet",
}

// removeOutside removes this cluster's files from folders that others may use too, and the
// folders if they are empty then.
func (c *Cluster) removeOutside() error {
	links, err := filepath.Glob("/var/log/containers/*.log")
	if err != nil {
		return err
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, c.State+"/") {
			if err := removeFile(link); err != nil {
				return err
			}
		}
	}
	results, err := filepath.Glob("/var/lib/cni/results/*")
	if err != nil {
		return err
	}
	for _, file := range results {
		// Each names the network namespace that it is about, which lies below the state folder.
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(`"`+c.State+"/")) {
			if err := removeFile(file); err != nil {
				return err
			}
		}
	}
	// The kubelet's socket for device plugins cannot be moved. If nobody answers it was ours.
	const socket = "/var/lib/kubelet/device-plugins/kubelet.sock"
	if connection, err := net.Dial("unix", socket); err == nil {
		connection.Close()
	} else if err := removeFile(socket); err != nil {
		return err
	}
	for _, folder := range outside {
		// This removes an empty folder, and no other.
		_ = syscall.Rmdir(folder)
	}
	return nil
}

// removeFile removes a file that may have gone already.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

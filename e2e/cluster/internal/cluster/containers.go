package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// shimName is the program that stands between containerd and a pod's containers.
const shimName = "containerd-shim-runc-v2"

// alive is what /proc says of something that runs.
type alive struct {
	pid, parent int
	arguments   []string
}

// killContainers ends what runs below this cluster's shims: the containers. Where the first
// process of a container ends, the kernel ends all others of it.
func (c *Cluster) killContainers() error {
	return killAll("containers", func() []int { return below(everything(), c.isShim) })
}

// killShims ends the shims themselves, which outlive containerd.
func (c *Cluster) killShims() error {
	return killAll("containerd's shims", func() []int {
		var shims []int
		for _, one := range everything() {
			if c.isShim(one) {
				shims = append(shims, one.pid)
			}
		}
		return shims
	})
}

// isShim knows this cluster's shims by the socket that they are told to report to.
func (c *Cluster) isShim(one alive) bool {
	return len(one.arguments) > 0 && filepath.Base(one.arguments[0]) == shimName &&
		slices.Contains(one.arguments, c.containerdSocket())
}

// below lists the descendants of the processes that are chosen.
func below(all []alive, isRoot func(alive) bool) []int {
	var found []int
	inside := map[int]bool{}
	for _, one := range all {
		if isRoot(one) {
			inside[one.pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, one := range all {
			if inside[one.parent] && !inside[one.pid] {
				inside[one.pid], grown = true, true
				found = append(found, one.pid)
			}
		}
	}
	return found
}

// killAll kills what list lists until it lists nothing.
func killAll(what string, list func() []int) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		pids := list()
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s do not end: processes %v", what, pids)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d of %s: %w", pid, what, err)
			}
		}
	}
}

// everything lists what runs. Zombies are left out: nobody can end them, and they hold nothing.
func everything() []alive {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []alive
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		state, parent, err := stateAndParent(string(stat))
		if err != nil || state == "Z" || state == "X" {
			continue
		}
		line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err != nil {
			continue
		}
		found = append(found, alive{pid, parent, strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")})
	}
	return found
}

// stateAndParent reads /proc/PID/stat behind the program's name, which may hold anything.
func stateAndParent(stat string) (string, int, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return "", 0, errors.New("stat is too short")
	}
	parent, err := strconv.Atoi(fields[1])
	return fields[0], parent, err
}

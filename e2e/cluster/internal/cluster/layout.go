// Package cluster starts, watches and stops a local cluster: the light one (a control plane and
// nodes that exist only in its API) and the real one (pods, Istio, Envoy, Prometheus and Git).
//
// It is the only place that knows how the programs are started. Everything listens on loopback or
// on a bridge made here; everything it changes on the machine is named after the cluster's first
// port, so that two clusters live side by side and each can be taken away without a trace.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"leadline.dev/e2e/cluster/internal/daemon"
)

// Profile says how much of a cluster is wanted.
type Profile string

// The profiles.
const (
	Light Profile = "light"
	Real  Profile = "real"
)

// Settings are what a cluster was started with. They are written first, so that `down` can
// take away what an interrupted `up` left.
type Settings struct {
	Profile  Profile `json:"profile"`
	BasePort int     `json:"base_port"`
}

// Offsets of the ports from the base port.
const (
	portAPIServer = iota
	portEtcd
	portEtcdPeer
	portControllers
	portScheduler
	portKwok
	portKubelet
	portKubeletHealth
	portRegistry
	portGit
	portIstiodHTTP
	portIstiodXDS
	portIstiodMonitoring
	portEnvoyAdmin
	portPrometheus
	portGateway    = 80
	portGatewayAPI = 81
)

// portSpan is how many ports a cluster may use, so how far base ports must be apart.
const portSpan = 100

// DefaultBasePort keeps the two profiles apart from each other and from the ephemeral ports.
func (p Profile) DefaultBasePort() int {
	if p == Real {
		return 20000
	}
	return 21000
}

// Check refuses settings that cannot work.
func (s Settings) Check() error {
	if s.Profile != Light && s.Profile != Real {
		return fmt.Errorf("profile %q: must be light or real", s.Profile)
	}
	if s.BasePort < 1024 || s.BasePort > 65400 || s.BasePort%portSpan != 0 {
		return fmt.Errorf("base port %d: must be a multiple of %d between 1100 and 65400", s.BasePort, portSpan)
	}
	return nil
}

// Layout is where everything of one cluster is.
type Layout struct {
	Settings
	State string // the one folder
}

// longestState leaves room for the longest socket path below it; the kernel allows 107 bytes.
const longestState = 70

// Path names a file in the state folder.
func (l Layout) Path(elements ...string) string {
	return filepath.Join(append([]string{l.State}, elements...)...)
}

// Daemons holds pid files and logs.
func (l Layout) Daemons() daemon.Folder {
	return daemon.Folder{Run: l.Path("run"), Log: l.Path("log")}
}

// Port is a port of this cluster.
func (l Layout) Port(offset int) string { return strconv.Itoa(l.BasePort + offset) }

// Local is an address of this cluster on loopback.
func (l Layout) Local(offset int) string { return "127.0.0.1:" + l.Port(offset) }

// APIServer is the URL of the API server.
func (l Layout) APIServer() string { return "https://" + l.Local(portAPIServer) }

// Name is what the cluster calls its bridge, network and cgroup; at most 15 bytes, as the
// kernel demands of an interface.
func (l Layout) Name() string { return "leadline" + strconv.Itoa(l.BasePort) }

// slot spreads clusters over the benchmark range 198.18.0.0/15, which no network routes.
func (l Layout) slot() int { return l.BasePort / portSpan % 128 }

// PodRange is the network of the bridge.
func (l Layout) PodRange() string { return fmt.Sprintf("198.18.%d.0/24", 128+l.slot()) }

// NodeAddress is the bridge's own address: it serves the node, because loopback is refused.
func (l Layout) NodeAddress() string { return fmt.Sprintf("198.18.%d.1", 128+l.slot()) }

// ServiceRange is where ClusterIPs come from. No packet ever goes there; in a real cluster it is
// a black hole on the machine, so each has its own, and 510 services must do.
func (l Layout) ServiceRange() string {
	if l.Profile == Light {
		return "198.19.0.0/16"
	}
	return fmt.Sprintf("198.19.%d.0/23", 2*l.slot())
}

// FirstService is the ClusterIP of `kubernetes.default`.
func (l Layout) FirstService() string {
	if l.Profile == Light {
		return "198.19.0.1"
	}
	return fmt.Sprintf("198.19.%d.1", 2*l.slot())
}

// Remember writes the settings down.
func (l Layout) Remember() error {
	text, err := json.MarshalIndent(l.Settings, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(l.Path("settings.json"), append(text, '\n'), 0o644)
}

// ErrNothingThere says that no cluster was started in a state folder.
var ErrNothingThere = errors.New("no cluster there")

// Recall reads the layout of the cluster whose state folder is given.
func Recall(state string) (Layout, error) {
	layout := Layout{State: state}
	text, err := os.ReadFile(layout.Path("settings.json"))
	if os.IsNotExist(err) {
		return layout, fmt.Errorf("%s: %w", state, ErrNothingThere)
	}
	if err != nil {
		return layout, err
	}
	if err := json.Unmarshal(text, &layout.Settings); err != nil {
		return layout, fmt.Errorf("%s: %w", layout.Path("settings.json"), err)
	}
	return layout, layout.Check()
}

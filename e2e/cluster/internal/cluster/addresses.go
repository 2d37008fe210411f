package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// Addresses tell tests, benchmarks and the demo where everything is. What a light cluster does
// not have is empty.
type Addresses struct {
	Profile    string `json:"profile"`
	State      string `json:"state"`
	APIServer  string `json:"api_server"`
	Kubeconfig string `json:"kubeconfig"` // of an administrator
	Programs   string `json:"programs"`   // the folder with kubectl, helm and the others
	Kubectl    string `json:"kubectl"`
	Helm       string `json:"helm"`
	// Image takes a tag: v1, v3-errors30, v2-latency250, v2-unready, v2-crash and combinations.
	Image string `json:"image"`
	// GatewayResource is a Gateway of Istio that a VirtualService names under `gateways`, and one of Gateway API
	// that a route names under `parentRefs`.
	GatewayResource string `json:"gateway_resource"`
	Gateway         string `json:"gateway"`       // where clients send requests, for VirtualServices
	GatewayAPI      string `json:"gateway_api"`   // the same for routes of Gateway API
	EnvoyAdmin      string `json:"envoy_admin"`   // /config_dump shows the weights that Envoy has
	Istiod          string `json:"istiod"`        // /debug/...
	Prometheus      string `json:"prometheus"`    // scrapes Envoy every second
	Git             string `json:"git"`           // + NAME.git, read and write
	GitFolder       string `json:"git_folder"`    // `git init --bare FOLDER/NAME.git` makes a repository
	GitProtected    string `json:"git_protected"` // the same repositories, for GitUser only
	GitUser         string `json:"git_user"`
	GitPassword     string `json:"git_password"`
}

// Addresses gives where everything is once the cluster is up.
func (c *Cluster) Addresses() Addresses {
	addresses := Addresses{
		Profile: string(c.Profile), State: c.State, APIServer: c.APIServer(), Kubeconfig: c.AdminKubeconfig(),
		Programs: c.parts.Folder(), Kubectl: c.parts.Path("kubectl"), Helm: c.parts.Path("helm"),
		Git: "http://" + c.Local(portGit) + "/", GitFolder: c.Path("git"),
		GitProtected: "http://" + c.Local(portGit) + "/protected/", GitUser: gitUser, GitPassword: gitPassword,
	}
	if c.Profile == Light {
		return addresses
	}
	addresses.Image = appImage
	addresses.GatewayResource = gatewayResource
	addresses.Gateway = "http://" + c.Local(portGateway)
	addresses.GatewayAPI = "http://" + c.Local(portGatewayAPI)
	addresses.EnvoyAdmin = "http://" + c.Local(portEnvoyAdmin)
	addresses.Istiod = "http://" + c.Local(portIstiodHTTP)
	addresses.Prometheus = "http://" + c.Local(portPrometheus)
	return addresses
}

// Env gives the addresses as lines for a shell: CLUSTER_API_SERVER='https://...'.
func (a Addresses) Env() string {
	var lines strings.Builder
	value := reflect.ValueOf(a)
	for index := range value.NumField() {
		name := value.Type().Field(index).Tag.Get("json")
		quoted := strings.ReplaceAll(value.Field(index).String(), "'", `'\''`)
		fmt.Fprintf(&lines, "CLUSTER_%s='%s'\n", strings.ToUpper(name), quoted)
	}
	return lines.String()
}

// writeAddresses writes cluster.json and cluster.env; they appear when the cluster is ready.
func (c *Cluster) writeAddresses() error {
	addresses := c.Addresses()
	text, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Path("cluster.env"), []byte(addresses.Env()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(c.Path("cluster.json"), append(text, '\n'), 0o600)
}

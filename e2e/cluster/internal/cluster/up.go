package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"leadline.dev/e2e/cluster/internal/parts"
)

// Up starts what does not run yet and returns when everything works.
func (c *Cluster) Up() error {
	if err := c.Check(); err != nil {
		return err
	}
	if len(c.State) > longestState {
		return fmt.Errorf("state folder %s: the path is longer than %d bytes, and sockets below it would not fit; choose another with --state", c.State, longestState)
	}
	if c.Profile == Real && os.Geteuid() != 0 {
		return fmt.Errorf("the real profile makes network devices and mounts: it needs root")
	}
	if err := os.MkdirAll(c.State, 0o755); err != nil {
		return err
	}
	unlock, err := lock(c.State)
	if err != nil {
		return err
	}
	defer unlock()
	former, err := Recall(c.State)
	switch {
	case errors.Is(err, ErrNothingThere):
		if err := os.RemoveAll(c.Path("log")); err != nil {
			return err
		}
	case err != nil:
		return err
	case former.Settings != c.Settings:
		return fmt.Errorf("%s holds a %s cluster with base port %d: take it down first", c.State, former.Profile, former.BasePort)
	}
	if err := c.getParts(); err != nil {
		return err
	}
	started := time.Now()
	if err := c.Remember(); err != nil {
		return err
	}
	if err := c.startAll(); err != nil {
		return fmt.Errorf("%w\nwhat was started still runs; `down` stops it", err)
	}
	if err := c.writeAddresses(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "the %s cluster is up after %s; kubeconfig %s, addresses %s\n", c.Profile,
		time.Since(started).Round(100*time.Millisecond), c.AdminKubeconfig(), c.Path("cluster.json"))
	return nil
}

// getParts gets the programs and the few tools that are the machine's own.
func (c *Cluster) getParts() error {
	tools := map[string]string{"git": "git"}
	if c.Profile == Real {
		tools["ip"] = "iproute2"
	}
	if err := c.parts.Require(tools); err != nil {
		return err
	}
	return c.parts.Get(c.Profile == Real)
}

// startAll is the order of things: each needs what stands before it.
func (c *Cluster) startAll() error {
	steps := []func() error{c.prepareKeys, c.startControlPlane, c.applyIstioDefinitions, c.applyGatewayDefinitions, c.applyRouterDefinitions, c.startGit}
	if c.Profile == Light {
		steps = append(steps, c.startFakeNodes)
	} else {
		steps = append(steps, c.startNode, c.startMesh, c.startPrometheus)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// applyIstioDefinitions installs Istio's CRDs, once, and waits until they can be used.
func (c *Cluster) applyIstioDefinitions() error {
	return c.applyDefinitions("Istio's", "istio-crds.yaml", "networking.istio.io/v1/virtualservices")
}

// applyGatewayDefinitions does the same for Gateway API's.
func (c *Cluster) applyGatewayDefinitions() error {
	return c.applyDefinitions("Gateway API's", parts.GatewayDefinitions, "gateway.networking.k8s.io/v1/httproutes")
}

// applyRouterDefinitions does the same for those of other routers.
func (c *Cluster) applyRouterDefinitions() error {
	if err := c.applyDefinitions("SMI's", parts.SplitDefinitions, "split.smi-spec.io/v1alpha1/trafficsplits"); err != nil {
		return err
	}
	if err := c.applyDefinitions("Traefik's", parts.TraefikDefinitions, "traefik.io/v1alpha1/traefikservices"); err != nil {
		return err
	}
	if err := c.applyDefinitions("Ambassador's", parts.MappingDefinitions, "getambassador.io/v2/mappings"); err != nil {
		return err
	}
	if err := c.applyWritten("APISIX'", "apisix.yaml", "apisix.apache.org/v2/apisixroutes"); err != nil {
		return err
	}
	return c.applyWritten("App Mesh's", "app-mesh.yaml", "appmesh.k8s.aws/v1beta2/virtualnodes")
}

// applyDefinitions installs definitions that came with the programs.
func (c *Cluster) applyDefinitions(whose, file, collection string) error {
	return c.install(whose, collection, "", c.parts.Path(file))
}

// applyWritten installs definitions that are written here, since no module has them.
func (c *Cluster) applyWritten(whose, file, collection string) error {
	text, err := files.ReadFile("files/" + file)
	if err != nil {
		return err
	}
	return c.install(whose, collection, string(text), "-")
}

// install installs the definitions in a file, or in a text where the file is "-", once, and waits until they can be used.
func (c *Cluster) install(whose, collection, text, file string) error {
	client, err := c.adminClient()
	if err != nil {
		return err
	}
	served := answers(client, c.APIServer()+"/apis/"+collection+"?limit=1")
	if served() == nil {
		return nil
	}
	if _, err := c.kubectl(text, "apply", "--server-side", "--force-conflicts", "--field-manager=local-cluster",
		"-f", file); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "installed", whose, "resource definitions")
	return c.await("kube-apiserver", whose+" resource definitions", time.Minute, served)
}

// lock keeps a second `up` or `down` of the same cluster waiting.
func lock(folder string) (func(), error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	return func() { file.Close() }, nil
}

// defaultBranch is the branch of a new repository.
const defaultBranch = "main"

// initRepository makes an empty bare repository, unless it is there.
func (c *Cluster) initRepository(name string) error {
	path := filepath.Join(c.Path("git"), name+".git")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	output, err := exec.Command("git", "init", "--quiet", "--bare", "--initial-branch="+defaultBranch, path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("git init %s: %w\n%s", path, err, output)
	}
	return nil
}

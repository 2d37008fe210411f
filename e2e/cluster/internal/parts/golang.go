package parts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// recipe is counted up when the way something is built changes but no version does.
const recipe = 1

// progressEvery is how often a long build says that it is alive.
const progressEvery = 15 * time.Second

// getKubernetes builds the one binary. Without the version flags the server calls itself
// v0.0.0-master and kubectl refuses to speak to it.
func getKubernetes(s *Set, scratch string) error {
	version := strings.SplitN(strings.TrimPrefix(kubernetesVersion, "v"), ".", 3)
	flags := "-s -w" +
		" -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
		" -X k8s.io/component-base/version.gitMajor=" + version[0] +
		" -X k8s.io/component-base/version.gitMinor=" + version[1] +
		" -X k8s.io/client-go/pkg/version.gitVersion=" + kubernetesVersion
	return s.runGo(filepath.Join(s.source, "kube"), "", "build", "-v", "-trimpath", "-ldflags", flags,
		"-o", filepath.Join(scratch, "kube"), ".")
}

func getKwok(s *Set, scratch string) error {
	return s.install(scratch, "", "sigs.k8s.io/kwok/cmd/kwok@"+kwokVersion)
}

func getHelm(s *Set, scratch string) error {
	return s.install(scratch, "", "helm.sh/helm/v4/cmd/helm@"+helmVersion)
}

// getContainerd leaves out the snapshotters that need C libraries.
func getContainerd(s *Set, scratch string) error {
	const module = "github.com/containerd/containerd/v2/cmd/"
	return s.install(scratch, "no_btrfs,no_devmapper,no_zfs",
		module+"containerd@"+containerdVersion,
		module+"containerd-shim-runc-v2@"+containerdVersion,
		module+"ctr@"+containerdVersion)
}

func getIstiod(s *Set, scratch string) error {
	return s.install(scratch, "vtprotobuf,disable_pgv", "istio.io/istio/pilot/cmd/pilot-discovery@"+istioVersion)
}

// getIstioDefinitions copies Istio's CRDs out of the module that istiod is built from.
func getIstioDefinitions(s *Set, scratch string) error {
	module, err := s.moduleFolder("istio.io/istio@" + istioVersion)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(module, "manifests", "charts", "base", "files", "crd-all.gen.yaml"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(scratch, "istio-crds.yaml"), text, 0o644)
}

// getGatewayDefinitions copies Gateway API's CRDs, of the experimental channel: it serves every version
// of every kind of route.
func getGatewayDefinitions(s *Set, scratch string) error {
	module, err := s.moduleFolder("sigs.k8s.io/gateway-api@" + gatewayVersion)
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for _, plural := range []string{"gatewayclasses", "gateways", "referencegrants", "httproutes", "grpcroutes", "tcproutes", "tlsroutes"} {
		file := filepath.Join(module, "config", "crd", "experimental", "gateway.networking.k8s.io_"+plural+".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		all.Write(text)
		all.WriteString("\n---\n")
	}
	return os.WriteFile(filepath.Join(scratch, GatewayDefinitions), all.Bytes(), 0o644)
}

// getTraefikDefinition copies the CRD of TraefikServices.
func getTraefikDefinition(s *Set, scratch string) error {
	module, err := s.moduleFolder("github.com/traefik/traefik/v3@" + traefikVersion)
	if err != nil {
		return err
	}
	folder := filepath.Join(module, "docs", "content", "reference", "dynamic-configuration")
	text, err := os.ReadFile(filepath.Join(folder, "traefik.io_traefikservices.yaml"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(scratch, TraefikDefinitions), text, 0o644)
}

// getMappingDefinition copies the CRD of Mappings out of those of all of Ambassador's kinds. Here no webhook converts one version to
// another: as far as a canary touches them they are alike. The module's first list of definitions is no form that servers take; this
// is the one that its own tests install.
func getMappingDefinition(s *Set, scratch string) error {
	module, err := s.moduleFolder("github.com/emissary-ingress/emissary/v3@" + emissaryVersion)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(module, "python", "tests", "integration", "manifests", "crds.yaml"))
	if err != nil {
		return err
	}
	for definition := range strings.SplitSeq(string(text), "\n---\n") {
		head, rest, found := strings.Cut(definition, "  conversion:\n    strategy: Webhook\n")
		_, rest, ends := strings.Cut(rest, "\n  group: getambassador.io\n")
		if found && ends && strings.Contains(head, "  name: mappings.getambassador.io\n") {
			modern := head + "  group: getambassador.io\n" + rest + "\n"
			return os.WriteFile(filepath.Join(scratch, MappingDefinitions), []byte(modern), 0o644)
		}
	}
	return fmt.Errorf("the definition of Mappings is not in its known form")
}

// getSplitDefinition brings the CRD of TrafficSplits into the form that servers of today take: upstream's is of
// apiextensions v1beta1, with one schema for all versions, of which only the last is served. Here all are.
func getSplitDefinition(s *Set, scratch string) error {
	module, err := s.moduleFolder("github.com/servicemeshinterface/smi-sdk-go@" + smiVersion)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(module, "crds", "split.yaml"))
	if err != nil {
		return err
	}
	modern, err := modernDefinition(string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(scratch, SplitDefinitions), []byte(modern), 0o644)
}

// modernDefinition moves the schema and the columns of a definition of v1beta1 into each of its versions, and serves them all.
func modernDefinition(text string) (string, error) {
	const columns, validation, schema = "  additionalPrinterColumns:\n", "  validation:\n", "    openAPIV3Schema:\n"
	head, rest, found := strings.Cut(text, columns)
	_, properties, hasSchema := strings.Cut(rest, validation+schema)
	if !found || !hasSchema || !strings.Contains(head, "apiextensions.k8s.io/v1beta1") {
		return "", fmt.Errorf("the definition of TrafficSplits is not in its known form")
	}
	var inner strings.Builder
	inner.WriteString("      schema:\n        openAPIV3Schema:\n          type: object\n")
	for line := range strings.Lines(properties) {
		inner.WriteString("    " + line)
	}
	head = strings.Replace(head, "apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1", 1)
	head = strings.Replace(head, "  version: v1alpha4\n", "", 1)
	head = strings.ReplaceAll(head, "served: false", "served: true")
	for _, storage := range []string{"true", "false"} {
		line := "      storage: " + storage + "\n"
		head = strings.ReplaceAll(head, line, line+inner.String())
	}
	return head, nil
}

// moduleFolder downloads a module, unless it is there, and says where.
func (s *Set) moduleFolder(module string) (string, error) {
	command := s.goCommand(s.source, "", "mod", "download", "-json", module)
	command.Stderr = s.out
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("download %s: %w\n%s", module, err, output)
	}
	var found struct{ Dir string }
	err = json.Unmarshal(output, &found)
	return found.Dir, err
}

// BuildHere builds a package of the cluster's own module; it takes a second.
func (s *Set) BuildHere(name, output string) error {
	command := s.goCommand(s.source, "", "build", "-trimpath", "-ldflags", "-s -w", "-o", output, "./"+name)
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, text)
	}
	return nil
}

// install builds commands by module@version, each with the dependencies that its own go.mod pins:
// kwok, containerd and istiod disagree with Kubernetes and with each other.
func (s *Set) install(scratch, tags string, packages ...string) error {
	arguments := []string{"install", "-v", "-trimpath", "-ldflags", "-s -w"}
	if tags != "" {
		arguments = append(arguments, "-tags", tags)
	}
	return s.runGo(scratch, scratch, append(arguments, packages...)...)
}

// runGo runs a long build, says now and then how far it is, and shows the end of its output if it
// fails.
func (s *Set) runGo(folder, binaries string, arguments ...string) error {
	command := s.goCommand(folder, binaries, arguments...)
	var output progress
	command.Stdout, command.Stderr = &output, &output
	started := time.Now()
	if err := command.Start(); err != nil {
		return fmt.Errorf("go %s: %w", arguments[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("go %s: %w\n%s", arguments[0], err, output.tail())
			}
			return nil
		case <-tick.C:
			fmt.Fprintf(s.out, "      %s: %d packages compiled\n", time.Since(started).Round(time.Second), output.compiled())
		}
	}
}

// progress takes what `go -v` prints: one compiled package a line, and notes that begin with "go: ".
type progress struct {
	lock sync.Mutex
	text bytes.Buffer
}

// Write keeps what is printed.
func (p *progress) Write(text []byte) (int, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.text.Write(text)
}

// lines gives what was printed so far.
func (p *progress) lines() []string {
	p.lock.Lock()
	defer p.lock.Unlock()
	return strings.Split(strings.TrimSpace(p.text.String()), "\n")
}

func (p *progress) compiled() int {
	count := 0
	for _, line := range p.lines() {
		if line != "" && !strings.HasPrefix(line, "go: ") {
			count++
		}
	}
	return count
}

// tail gives the last lines, where a failed build says why.
func (p *progress) tail() string {
	const kept = 30
	lines := p.lines()
	return strings.Join(lines[max(0, len(lines)-kept):], "\n")
}

// goCommand is the go tool at the lowest priority, deaf to a workspace or flags of the user's.
func (s *Set) goCommand(folder, binaries string, arguments ...string) *exec.Cmd {
	command := exec.Command("nice", append([]string{"-n", "19", "go"}, arguments...)...)
	command.Dir = folder
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if binaries != "" {
		command.Env = append(command.Env, "GOBIN="+binaries)
	}
	return command
}

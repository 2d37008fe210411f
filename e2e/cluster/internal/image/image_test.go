package image

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

func TestBehaviour(t *testing.T) {
	for _, row := range []struct {
		tag   string
		want  []string
		fails bool
	}{
		{"v1", []string{"VERSION=v1"}, false},
		{"1.2.3", []string{"VERSION=1.2.3"}, false},
		{"v3-errors30", []string{"VERSION=v3", "ERROR_PERCENT=30"}, false},
		{"v3-errors30-latency200", []string{"VERSION=v3", "ERROR_PERCENT=30", "LATENCY_MS=200"}, false},
		{"v4-ready2500", []string{"VERSION=v4", "READY_AFTER_MS=2500"}, false},
		{"v4-unready", []string{"VERSION=v4", "NEVER_READY=un"}, false},
		{"v5-nodrain", []string{"VERSION=v5", "NO_DRAIN=nodrain"}, false},
		{"v5-crash", []string{"VERSION=v5", "CRASH=crash"}, false},
		{"v3-erors30", nil, true},
		{"", nil, true},
	} {
		t.Run(row.tag, func(t *testing.T) {
			got, err := behaviour(row.tag)
			if (err != nil) != row.fails || !slices.Equal(got, row.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// fetch gets a path of the registry.
func fetch(t *testing.T, server *httptest.Server, path string) (int, []byte) {
	t.Helper()
	response, err := http.Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestPull(t *testing.T) {
	registry, err := NewRegistry([]byte("the program"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry)
	defer server.Close()

	_, text := fetch(t, server, "/v2/leadline/app/manifests/v3-errors30")
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	_, text = fetch(t, server, "/v2/leadline/app/blobs/"+manifest.Config.Digest)
	var config struct {
		Config struct{ Env, Entrypoint []string }
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(config.Config.Env, "ERROR_PERCENT=30") || config.Config.Entrypoint[0] != "/app" {
		t.Errorf("configuration is %s", text)
	}
	response, err := http.Get(server.URL + "/v2/leadline/app/blobs/" + manifest.Layers[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	unpacked, err := gzip.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(unpacked)
	header, err := archive.Next()
	if err != nil || header.Name != "app" || header.Mode != 0o755 {
		t.Fatalf("layer begins with %+v, %v", header, err)
	}
	if content, err := io.ReadAll(archive); err != nil || string(content) != "the program" {
		t.Errorf("layer holds %q, %v", content, err)
	}
}

func TestRegistryAnswers(t *testing.T) {
	registry, err := NewRegistry([]byte("the program"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry)
	defer server.Close()
	for _, row := range []struct {
		path string
		want int
	}{
		{"/v2/", http.StatusOK},
		{"/v2/leadline/app/manifests/v1", http.StatusOK},
		{"/v2/leadline/pause/manifests/1", http.StatusOK},
		{"/v2/leadline/app/manifests/v1-nonsense", http.StatusNotFound},
		{"/v2/library/busybox/manifests/latest", http.StatusNotFound},
		{"/v2/leadline/app/blobs/sha256:0", http.StatusNotFound},
		{"/elsewhere", http.StatusNotFound},
	} {
		t.Run(row.path, func(t *testing.T) {
			if got, body := fetch(t, server, row.path); got != row.want {
				t.Errorf("got %d %s", got, body)
			}
		})
	}
}

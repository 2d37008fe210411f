package image

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Repositories of the registry.
const (
	App   = "leadline/app"   // the server that the tests roll out
	Pause = "leadline/pause" // what holds a pod's namespaces
)

// Registry is a read-only image registry over one program. It answers whatever host name it is
// asked for and knows nothing but our two repositories, so that no pull ever leaves the machine.
type Registry struct {
	layer layer

	lock  sync.Mutex
	blobs map[string]blob // by digest; manifests too
}

// NewRegistry makes the registry for a program.
func NewRegistry(program []byte) (*Registry, error) {
	packed, err := newLayer(program)
	if err != nil {
		return nil, err
	}
	return &Registry{layer: packed, blobs: map[string]blob{packed.digest(): packed.blob}}, nil
}

// ServeHTTP answers the reading half of the registry protocol.
func (r *Registry) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		refuse(response, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
		return
	}
	path, below := strings.CutPrefix(request.URL.Path, "/v2/")
	if below && path == "" {
		response.WriteHeader(http.StatusOK)
		return
	}
	repository, kind, reference := split(path)
	if repository != App && repository != Pause {
		refuse(response, http.StatusNotFound, "NAME_UNKNOWN", "no repository "+repository)
		return
	}
	found, err := r.find(repository, kind, reference)
	if err != nil {
		refuse(response, http.StatusNotFound, "MANIFEST_UNKNOWN", err.Error())
		return
	}
	if found.content == nil {
		refuse(response, http.StatusNotFound, "BLOB_UNKNOWN", "no "+kind+" "+reference)
		return
	}
	contentType := found.kind
	if kind == "blobs" {
		contentType = "application/octet-stream"
	}
	response.Header().Set("Content-Type", contentType)
	response.Header().Set("Content-Length", strconv.Itoa(len(found.content)))
	response.Header().Set("Docker-Content-Digest", found.digest())
	if request.Method == http.MethodGet {
		// An error here is the client's: it went away.
		_, _ = response.Write(found.content)
	}
}

// find gives a blob by digest, or makes the manifest of a tag.
func (r *Registry) find(repository, kind, reference string) (blob, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if kind != "manifests" || strings.HasPrefix(reference, "sha256:") {
		return r.blobs[reference], nil
	}
	command, environment := []string{"/app"}, []string(nil)
	if repository == Pause {
		command = append(command, "pause")
	} else {
		var err error
		if environment, err = behaviour(reference); err != nil {
			return blob{}, err
		}
	}
	manifest, config, err := r.layer.build(command, environment)
	if err != nil {
		return blob{}, err
	}
	r.blobs[config.digest()] = config
	r.blobs[manifest.digest()] = manifest
	return manifest, nil
}

// split takes REPOSITORY/KIND/REFERENCE apart; a repository has slashes of its own.
func split(path string) (repository, kind, reference string) {
	words := strings.Split(path, "/")
	if len(words) < 3 {
		return path, "", ""
	}
	last := len(words) - 1
	return strings.Join(words[:last-1], "/"), words[last-1], words[last]
}

func refuse(response http.ResponseWriter, status int, code, message string) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	// An error here is the client's: it went away.
	_ = json.NewEncoder(response).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

// Package image makes container images without a container engine: one layer that holds one
// static program, and a configuration that depends on the tag.
//
// A tag says how the program shall behave: `v3-errors30-latency200` is version v3, fails 30 % of
// its requests and answers after 200 ms. Any such tag exists, so a test needs no preparation.
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Media types of the OCI image format.
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// blob is content that is addressed by its digest.
type blob struct {
	kind    string
	content []byte
}

func (b blob) digest() string {
	sum := sha256.Sum256(b.content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// descriptor points to a blob.
func (b blob) descriptor() map[string]any {
	return map[string]any{"mediaType": b.kind, "digest": b.digest(), "size": len(b.content)}
}

// layer is the one file system layer.
type layer struct {
	blob
	uncompressed string // digest of the tar, as the configuration names it
}

// newLayer packs the program as /app. The same program gives the same bytes.
func newLayer(program []byte) (layer, error) {
	var plain bytes.Buffer
	archive := tar.NewWriter(&plain)
	header := &tar.Header{Name: "app", Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if err := archive.WriteHeader(header); err != nil {
		return layer{}, err
	}
	if _, err := archive.Write(program); err != nil {
		return layer{}, err
	}
	if err := archive.Close(); err != nil {
		return layer{}, err
	}
	var packed bytes.Buffer
	compressor, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return layer{}, err
	}
	if _, err := compressor.Write(plain.Bytes()); err != nil {
		return layer{}, err
	}
	if err := compressor.Close(); err != nil {
		return layer{}, err
	}
	return layer{blob{layerType, packed.Bytes()}, blob{"", plain.Bytes()}.digest()}, nil
}

// build makes manifest and configuration of an image over the layer.
func (l layer) build(command, environment []string) (manifest, config blob, err error) {
	config.kind, manifest.kind = configType, manifestType
	config.content, err = json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": command, "Env": environment, "ExposedPorts": map[string]any{"8080/tcp": map[string]any{}},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{l.uncompressed}},
	})
	if err != nil {
		return manifest, config, err
	}
	manifest.content, err = json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        config.descriptor(),
		"layers":        []any{l.descriptor()},
	})
	return manifest, config, err
}

// behaviours are the parts of a tag behind the version, and the variable each sets.
var behaviours = []struct {
	form     *regexp.Regexp
	variable string
}{
	{regexp.MustCompile(`^errors(\d{1,3})$`), "ERROR_PERCENT"},
	{regexp.MustCompile(`^latency(\d{1,5})$`), "LATENCY_MS"},
	{regexp.MustCompile(`^ready(\d{1,6})$`), "READY_AFTER_MS"},
	{regexp.MustCompile(`^(un)ready$`), "NEVER_READY"},
	{regexp.MustCompile(`^(crash)$`), "CRASH"},
	{regexp.MustCompile(`^(nodrain)$`), "NO_DRAIN"},
}

// version is the first part of a tag.
var version = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.]{0,40}$`)

// behaviour gives the environment that a tag stands for.
func behaviour(tag string) ([]string, error) {
	words := strings.Split(tag, "-")
	if !version.MatchString(words[0]) {
		return nil, fmt.Errorf("tag %q: no version", tag)
	}
	environment := []string{"VERSION=" + words[0]}
words:
	for _, word := range words[1:] {
		for _, known := range behaviours {
			if match := known.form.FindStringSubmatch(word); match != nil {
				environment = append(environment, known.variable+"="+match[1])
				continue words
			}
		}
		return nil, fmt.Errorf("tag %q: %q is not known", tag, word)
	}
	return environment, nil
}

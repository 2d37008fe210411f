package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"text/template"
	"time"

	"leadline.dev/e2e/cluster/internal/daemon"
	"leadline.dev/e2e/cluster/internal/keys"
	"leadline.dev/e2e/cluster/internal/parts"
)

//go:embed files
var files embed.FS

// Cluster is a layout with the programs that fill it.
type Cluster struct {
	Layout
	parts     *parts.Set
	self      string // the clusterctl binary: it also is the registry and the Git server
	out       io.Writer
	authority *keys.Authority
}

// New makes a cluster of a layout; nothing is started and nothing is written yet.
func New(layout Layout, set *parts.Set, self string, out io.Writer) *Cluster {
	return &Cluster{Layout: layout, parts: set, self: self, out: out}
}

// AdminKubeconfig is the kubeconfig of a client that may do everything.
func (l Layout) AdminKubeconfig() string { return l.Path("admin.kubeconfig") }

// start starts a program and says so; one that runs already is left alone.
func (c *Cluster) start(program daemon.Program) error {
	started, err := c.Daemons().Start(program)
	if err != nil {
		return err
	}
	if started {
		fmt.Fprintf(c.out, "started %s\n", program.Name)
	}
	return nil
}

// probeEvery is how often a thing that is waited for is looked at.
const probeEvery = 50 * time.Millisecond

// await waits until ready returns nil. The wait ends early when the program it depends on has
// died, and the error carries what that program printed last.
func (c *Cluster) await(program, what string, limit time.Duration, ready func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		_, alive := c.Daemons().Alive(program)
		if alive && time.Now().Before(deadline) {
			time.Sleep(probeEvery)
			continue
		}
		reason := fmt.Sprintf("not within %s", limit)
		if !alive {
			reason = program + " has ended"
		}
		return fmt.Errorf("%s: %s: %w\n%s ends with:\n%s", what, reason, err,
			c.Daemons().LogFile(program), c.Daemons().LogTail(program, 15))
	}
}

// answers says whether a URL answers 200.
func answers(client *http.Client, url string) func() error {
	return func() error {
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1000))
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s: %s", url, response.Status, bytes.TrimSpace(body))
		}
		return nil
	}
}

// plain is a client for the programs that speak plain HTTP on loopback.
var plain = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// adminClient speaks to the API server as its administrator.
func (c *Cluster) adminClient() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(c.authority.Path("admin.crt"), c.authority.Path("admin.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	authority, err := os.ReadFile(c.authority.Path("ca.crt"))
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("the certificate authority is unreadable")
	}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
	}}, nil
}

// kubectl runs our kubectl as administrator and gives what it printed.
func (c *Cluster) kubectl(input string, arguments ...string) (string, error) {
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(limit, c.parts.Path("kubectl"), append([]string{"--kubeconfig", c.AdminKubeconfig()}, arguments...)...)
	command.Env = append(os.Environ(), "HOME="+c.Path("run"))
	if input != "" {
		command.Stdin = strings.NewReader(input)
	}
	var output, complaint bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(arguments, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return output.String(), nil
}

// apply applies manifests.
func (c *Cluster) apply(manifests string) error {
	_, err := c.kubectl(manifests, "apply", "--server-side", "--force-conflicts", "--field-manager=local-cluster", "-f", "-")
	return err
}

// render fills in one of the files with this cluster's values.
func (c *Cluster) render(file string, values any) (string, error) {
	text, err := files.ReadFile("files/" + file)
	if err != nil {
		return "", err
	}
	parsed, err := template.New(file).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return "", err
	}
	var output bytes.Buffer
	if err := parsed.Execute(&output, values); err != nil {
		return "", err
	}
	return output.String(), nil
}

// writeRendered writes a filled-in file below the state folder.
func (c *Cluster) writeRendered(file, path string, values any) error {
	text, err := c.render(file, values)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

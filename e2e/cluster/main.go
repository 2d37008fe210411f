// Command clusterctl builds, starts, shows and stops a local cluster. This file only reads
// arguments; what a cluster is and how it starts is in internal/cluster.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"leadline.dev/e2e/cluster/internal/cluster"
	"leadline.dev/e2e/cluster/internal/gitserver"
	"leadline.dev/e2e/cluster/internal/image"
	"leadline.dev/e2e/cluster/internal/parts"
)

const usage = `usage: e2e/cluster/run COMMAND [--profile light|real] [--state FOLDER]

  up          start a cluster, or what is missing of one   [--base-port PORT]
  down        stop it; only its logs stay
  status      show each program; exits with 1 unless all are ready
  build       get the programs of the profile, start nothing
  kubeconfig  write a kubeconfig of a service account      --service-account NAMESPACE/NAME --out FILE [--valid 24h]

The profile light (the default) has a control plane and nodes that exist only in its API, and needs
no root. The profile real adds pods, Istio, Envoy and Prometheus, and needs root.
FOLDER is .cluster/PROFILE by default.
`

// source is where e2e/cluster of the clone is; the script run sets it.
const source = "LEADLINE_CLUSTER_SOURCE"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	err := dispatch(os.Args[1], os.Args[2:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clusterctl:", err)
		os.Exit(1)
	}
}

func dispatch(command string, arguments []string) error {
	switch command {
	case "up", "down", "status", "build", "kubeconfig":
		return onCluster(command, arguments)
	case "serve-git":
		return serveGit(arguments)
	case "serve-registry":
		return serveRegistry(arguments)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("unknown command %q", command)
	}
}

// request is what a person asks for.
type request struct {
	settings cluster.Settings
	hasPort  bool // somebody named the base port
	state    string
	account  string
	output   string
	valid    time.Duration
}

// parse reads the flags of the commands for people.
func parse(command string, arguments []string) (request, error) {
	var asked request
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	profile := flags.String("profile", string(cluster.Light), "")
	flags.StringVar(&asked.state, "state", "", "")
	switch command {
	case "up":
		flags.IntVar(&asked.settings.BasePort, "base-port", 0, "")
	case "kubeconfig":
		flags.StringVar(&asked.account, "service-account", "", "")
		flags.StringVar(&asked.output, "out", "", "")
		flags.DurationVar(&asked.valid, "valid", 24*time.Hour, "")
	}
	if err := flags.Parse(arguments); err != nil {
		return asked, err
	}
	if flags.NArg() > 0 {
		return asked, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	asked.settings.Profile = cluster.Profile(*profile)
	asked.hasPort = asked.settings.BasePort != 0
	if !asked.hasPort {
		asked.settings.BasePort = asked.settings.Profile.DefaultBasePort()
	}
	return asked, asked.settings.Check()
}

// onCluster carries out a command on one cluster.
func onCluster(command string, arguments []string) error {
	asked, err := parse(command, arguments)
	if err != nil {
		return err
	}
	folder := os.Getenv(source)
	if folder == "" {
		return fmt.Errorf("%s is not set: start with e2e/cluster/run", source)
	}
	set, err := parts.Open(folder, os.Stdout)
	if err != nil {
		return err
	}
	if command == "build" {
		return set.Get(asked.settings.Profile == cluster.Real)
	}
	if asked.state == "" {
		asked.state = filepath.Join(folder, "..", "..", ".cluster", string(asked.settings.Profile))
	}
	if asked.state, err = filepath.Abs(asked.state); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if command == "up" {
		asked.settings = settle(asked)
		return cluster.New(cluster.Layout{Settings: asked.settings, State: asked.state}, set, self, os.Stdout).Up()
	}
	layout, err := cluster.Recall(asked.state)
	if command == "down" && errors.Is(err, cluster.ErrNothingThere) {
		fmt.Println(err)
		return nil
	}
	if err != nil {
		return err
	}
	return onRunning(command, asked, cluster.New(layout, set, self, os.Stdout))
}

// settle says what is to be started: a cluster that is there already keeps its ports, unless others are asked for.
func settle(asked request) cluster.Settings {
	there, err := cluster.Recall(asked.state)
	if err != nil || asked.hasPort || there.Profile != asked.settings.Profile {
		return asked.settings
	}
	return there.Settings
}

// onRunning carries out the commands that need a cluster that was started.
func onRunning(command string, asked request, running *cluster.Cluster) error {
	switch command {
	case "down":
		return running.Down()
	case "status":
		well, err := running.Status()
		if err == nil && !well {
			err = errors.New("the cluster is not ready")
		}
		return err
	}
	namespace, name, found := strings.Cut(asked.account, "/")
	if !found || asked.output == "" {
		return errors.New("kubeconfig needs --service-account NAMESPACE/NAME and --out FILE")
	}
	return running.ServiceAccountKubeconfig(namespace, name, asked.output, asked.valid)
}

// serveGit is the Git server's process.
func serveGit(arguments []string) error {
	flags := flag.NewFlagSet("serve-git", flag.ContinueOnError)
	listen := flags.String("listen", "", "")
	var server gitserver.Server
	flags.StringVar(&server.Folder, "folder", "", "")
	flags.StringVar(&server.User, "user", "", "")
	flags.StringVar(&server.Password, "password", "", "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	handler, err := server.Handler()
	if err != nil {
		return err
	}
	return serve(*listen, handler)
}

// serveRegistry is the image registry's process.
func serveRegistry(arguments []string) error {
	flags := flag.NewFlagSet("serve-registry", flag.ContinueOnError)
	listen := flags.String("listen", "", "")
	program := flags.String("program", "", "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	file, err := os.Open(*program)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(file)
	file.Close()
	if err != nil {
		return err
	}
	registry, err := image.NewRegistry(content)
	if err != nil {
		return err
	}
	return serve(*listen, registry)
}

func serve(address string, handler http.Handler) error {
	server := http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

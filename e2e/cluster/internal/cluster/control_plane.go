package cluster

import (
	"fmt"
	"strings"
	"time"

	"leadline.dev/e2e/cluster/internal/daemon"
	"leadline.dev/e2e/cluster/internal/keys"
)

// masters is the group that the API server lets do everything.
const masters = "system:masters"

// components are the programs that speak to the API server with a kubeconfig of their own name.
// They all may do everything: what is tested under real RBAC is our controller.
var components = []string{"admin", "kube-controller-manager", "kube-scheduler", "kwok", "istiod"}

// prepareKeys makes certificates and kubeconfigs.
func (c *Cluster) prepareKeys() error {
	authority, err := keys.Open(c.Path("keys"))
	if err != nil {
		return err
	}
	c.authority = authority
	identities := []keys.Identity{
		{File: "apiserver", Name: "kube-apiserver", Hosts: []string{"127.0.0.1", "localhost", c.FirstService(),
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
		{File: "apiserver-to-kubelet", Name: "kube-apiserver-kubelet-client", Groups: []string{masters}},
	}
	for _, name := range components {
		identities = append(identities, keys.Identity{File: name, Name: name, Groups: []string{masters}, Hosts: []string{"127.0.0.1"}})
	}
	if c.Profile == Real {
		identities = append(identities,
			keys.Identity{File: "kubelet", Name: "system:node:" + nodeName, Groups: []string{"system:nodes"}},
			keys.Identity{File: "kubelet-server", Name: nodeName, Hosts: []string{c.NodeAddress(), nodeName}})
	}
	for _, identity := range identities {
		if err := authority.Issue(identity); err != nil {
			return err
		}
	}
	clients := components
	if c.Profile == Real {
		clients = append(clients[:len(clients):len(clients)], "kubelet")
	}
	for _, name := range clients {
		if err := authority.ClientKubeconfig(c.Path(name+".kubeconfig"), c.APIServer(), name); err != nil {
			return err
		}
	}
	return authority.IssueTokenKey("tokens")
}

// startControlPlane starts etcd, API server, controllers and scheduler, and waits until they work.
func (c *Cluster) startControlPlane() error {
	client, err := c.adminClient()
	if err != nil {
		return err
	}
	if err := c.start(c.etcd()); err != nil {
		return err
	}
	if err := c.await("etcd", "etcd", time.Minute, answers(plain, "http://"+c.Local(portEtcd)+"/health")); err != nil {
		return err
	}
	if err := c.start(c.apiServer()); err != nil {
		return err
	}
	if err := c.await("kube-apiserver", "API server", 2*time.Minute, answers(client, c.APIServer()+"/readyz")); err != nil {
		return err
	}
	for _, program := range []daemon.Program{c.controllers(), c.scheduler()} {
		if err := c.start(program); err != nil {
			return err
		}
	}
	for name, port := range map[string]int{"kube-controller-manager": portControllers, "kube-scheduler": portScheduler} {
		if err := c.await(name, name, time.Minute, answers(client, "https://"+c.Local(port)+"/healthz")); err != nil {
			return err
		}
	}
	// Pods are refused until the controllers have made the service account that they run under.
	return c.await("kube-controller-manager", "service account of the namespace default", time.Minute,
		answers(client, c.APIServer()+"/api/v1/namespaces/default/serviceaccounts/default"))
}

// etcd does not sync to disk: the cluster is thrown away, and tests wait for it.
func (c *Cluster) etcd() daemon.Program {
	client, peer := "http://"+c.Local(portEtcd), "http://"+c.Local(portEtcdPeer)
	return daemon.Program{Name: "etcd", Path: c.parts.Path("kube"), Arguments: []string{
		"--name=local", "--data-dir=" + c.Path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--quota-backend-bytes=4294967296", "--auto-compaction-mode=periodic", "--auto-compaction-retention=10m",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=local=" + peer,
	}}
}

func (c *Cluster) apiServer() daemon.Program {
	path := c.authority.Path
	return daemon.Program{Name: "kube-apiserver", Path: c.parts.Path("kube"), Arguments: []string{
		"--etcd-servers=http://" + c.Local(portEtcd),
		"--bind-address=127.0.0.1", "--secure-port=" + c.Port(portAPIServer),
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + c.ServiceRange(),
		"--authorization-mode=RBAC,Node", "--allow-privileged",
		"--client-ca-file=" + path("ca.crt"),
		"--tls-cert-file=" + path("apiserver.crt"), "--tls-private-key-file=" + path("apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority=" + path("ca.crt"),
		"--kubelet-client-certificate=" + path("apiserver-to-kubelet.crt"),
		"--kubelet-client-key=" + path("apiserver-to-kubelet.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + path("tokens.pub"),
		"--service-account-signing-key-file=" + path("tokens.key"),
		// Nobody is that front proxy; without the setting controllers and scheduler complain for ever.
		"--requestheader-client-ca-file=" + path("ca.crt"), "--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		// Load tests measure our controller, not the server's fairness.
		"--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--enable-priority-and-fairness=false",
	}}
}

func (c *Cluster) controllers() daemon.Program {
	kubeconfig := c.Path("kube-controller-manager.kubeconfig")
	return daemon.Program{Name: "kube-controller-manager", Path: c.parts.Path("kube"), Arguments: []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + c.Port(portControllers),
		"--tls-cert-file=" + c.authority.Path("kube-controller-manager.crt"), "--tls-private-key-file=" + c.authority.Path("kube-controller-manager.key"),
		"--use-service-account-credentials=false", "--leader-elect=false",
		"--flex-volume-plugin-dir=" + c.Path("volume-plugins"), // it makes the folder, wherever that is
		"--service-account-private-key-file=" + c.authority.Path("tokens.key"), "--root-ca-file=" + c.authority.Path("ca.crt"),
		"--kube-api-qps=1000", "--kube-api-burst=2000", "--concurrent-replicaset-syncs=20", "--concurrent-gc-syncs=40",
	}}
}

func (c *Cluster) scheduler() daemon.Program {
	kubeconfig := c.Path("kube-scheduler.kubeconfig")
	return daemon.Program{Name: "kube-scheduler", Path: c.parts.Path("kube"), Arguments: []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + c.Port(portScheduler),
		"--tls-cert-file=" + c.authority.Path("kube-scheduler.crt"), "--tls-private-key-file=" + c.authority.Path("kube-scheduler.key"),
		"--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000",
	}}
}

// ServiceAccountKubeconfig writes a kubeconfig with a fresh token of a service account.
func (c *Cluster) ServiceAccountKubeconfig(namespace, name, path string, valid time.Duration) error {
	if err := c.prepareKeys(); err != nil {
		return err
	}
	token, err := c.kubectl("", "create", "token", name, "--namespace", namespace, fmt.Sprintf("--duration=%s", valid))
	if err != nil {
		return err
	}
	return c.authority.TokenKubeconfig(path, c.APIServer(), strings.TrimSpace(token), namespace)
}

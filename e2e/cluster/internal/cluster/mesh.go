package cluster

import (
	"fmt"
	"io"
	"strings"
	"time"

	"leadline.dev/e2e/cluster/internal/daemon"
)

// gatewayResource is the Gateway that Envoy plays: one of Istio, and one of Gateway API.
const gatewayResource = "istio-system/leadline"

// startMesh starts istiod and Envoy as ingress gateway. Neither runs in a pod: the one serves the
// other over loopback, and Envoy reaches pods over the bridge.
func (c *Cluster) startMesh() error {
	gateway, err := c.render("gateway.yaml", map[string]any{
		"Port": c.Port(portGateway), "APIPort": c.Port(portGatewayAPI),
	})
	if err != nil {
		return err
	}
	if err := c.apply(gateway); err != nil {
		return err
	}
	if err := c.startIstiod(); err != nil {
		return err
	}
	return c.startEnvoy()
}

// startIstiod starts the control plane of the mesh without certificates, webhooks and injection.
func (c *Cluster) startIstiod() error {
	if err := c.writeRendered("mesh.yaml", c.Path("mesh.yaml"), nil); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "istiod", Path: c.parts.Path("pilot-discovery"), Arguments: []string{
		"discovery", "--kubeconfig", c.Path("istiod.kubeconfig"), "--meshConfig", c.Path("mesh.yaml"),
		"--httpAddr", c.Local(portIstiodHTTP), "--grpcAddr", c.Local(portIstiodXDS),
		"--monitoringAddr", c.Local(portIstiodMonitoring), "--secureGRPCAddr", "", "--httpsAddr", "",
	}, Env: []string{
		"POD_NAMESPACE=istio-system", "PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false",
		"ENABLE_CA_SERVER=false", "PILOT_CERT_PROVIDER=none",
		"VALIDATION_WEBHOOK_CONFIG_NAME=", "INJECTION_WEBHOOK_CONFIG_NAME=",
	}}); err != nil {
		return err
	}
	return c.await("istiod", "istiod", 2*time.Minute, answers(plain, "http://"+c.Local(portIstiodHTTP)+"/ready"))
}

// startEnvoy starts the gateway; it is ready once istiod has told it where to listen.
func (c *Cluster) startEnvoy() error {
	values := map[string]any{
		"NodeAddress": c.NodeAddress(), "AdminPort": c.Port(portEnvoyAdmin), "IstiodPort": c.Port(portIstiodXDS),
	}
	if err := c.writeRendered("envoy.yaml", c.Path("envoy.yaml"), values); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "envoy", Path: c.parts.Path("envoy"), Arguments: []string{
		"--config-path", c.Path("envoy.yaml"), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning",
	}}); err != nil {
		return err
	}
	return c.await("envoy", "Envoy", time.Minute, answers(plain, "http://"+c.Local(portEnvoyAdmin)+"/ready"))
}

// startPrometheus starts Prometheus and waits until it has scraped Envoy.
func (c *Cluster) startPrometheus() error {
	if err := c.writeRendered("prometheus.yaml", c.Path("prometheus.yaml"), map[string]any{"Envoy": c.Local(portEnvoyAdmin)}); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "prometheus", Path: c.parts.Path("prometheus"), Arguments: []string{
		"--config.file=" + c.Path("prometheus.yaml"), "--storage.tsdb.path=" + c.Path("prometheus"),
		"--storage.tsdb.retention.time=1d", "--log.level=warn",
		"--scrape.discovery-reload-interval=100ms", // it would wait 5 s before it scrapes at all
		"--web.listen-address=" + c.Local(portPrometheus),
	}}); err != nil {
		return err
	}
	return c.await("prometheus", "Prometheus", time.Minute, c.prometheusScrapes())
}

// prometheusScrapes says whether Prometheus has an answer from Envoy.
func (c *Cluster) prometheusScrapes() func() error {
	return func() error {
		response, err := plain.Get("http://" + c.Local(portPrometheus) + "/api/v1/query?query=sum(up)")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, 10_000))
		if err != nil {
			return err
		}
		// One target, which is up.
		if !strings.Contains(string(text), `,"1"]`) {
			return fmt.Errorf("no scrape of Envoy yet: %s %s", response.Status, text)
		}
		return nil
	}
}

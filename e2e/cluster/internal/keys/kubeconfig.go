package keys

import (
	"encoding/base64"
	"encoding/json"
	"os"
)

// Kubeconfig describes how to reach an API server and as whom.
type Kubeconfig struct {
	Server      string
	Authority   []byte // PEM
	Certificate []byte // PEM; together with Key, or else Token.
	Key         []byte
	Token       string
	Namespace   string
}

// ClientKubeconfig writes the kubeconfig of a client that Issue made a certificate for. The
// content is embedded: the file can be copied anywhere.
func (a *Authority) ClientKubeconfig(path, server, file string) error {
	config := Kubeconfig{Server: server}
	var err error
	if config.Authority, err = os.ReadFile(a.Path("ca.crt")); err != nil {
		return err
	}
	if config.Certificate, err = os.ReadFile(a.Path(file + ".crt")); err != nil {
		return err
	}
	if config.Key, err = os.ReadFile(a.Path(file + ".key")); err != nil {
		return err
	}
	return config.Write(path)
}

// TokenKubeconfig writes the kubeconfig of a service account.
func (a *Authority) TokenKubeconfig(path, server, token, namespace string) error {
	authority, err := os.ReadFile(a.Path("ca.crt"))
	if err != nil {
		return err
	}
	return Kubeconfig{Server: server, Authority: authority, Token: token, Namespace: namespace}.Write(path)
}

// Write stores the kubeconfig as JSON, which is YAML too. Only the owner may read it.
func (k Kubeconfig) Write(path string) error {
	user := map[string]string{}
	if k.Token != "" {
		user["token"] = k.Token
	} else {
		user["client-certificate-data"] = base64.StdEncoding.EncodeToString(k.Certificate)
		user["client-key-data"] = base64.StdEncoding.EncodeToString(k.Key)
	}
	entry := map[string]string{"cluster": "local", "user": "local"}
	if k.Namespace != "" {
		entry["namespace"] = k.Namespace
	}
	text, err := json.MarshalIndent(map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "local",
		"contexts":        []any{map[string]any{"name": "local", "context": entry}},
		"users":           []any{map[string]any{"name": "local", "user": user}},
		"clusters": []any{map[string]any{"name": "local", "cluster": map[string]string{
			"server":                     k.Server,
			"certificate-authority-data": base64.StdEncoding.EncodeToString(k.Authority),
		}}},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

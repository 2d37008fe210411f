package keys

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestIssuedCertificatesVerify(t *testing.T) {
	folder := t.TempDir()
	authority, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Issue(Identity{File: "server", Name: "api", Hosts: []string{"127.0.0.1", "kubernetes.default"}}); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(authority.Path("server.crt"), authority.Path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(authority.Path("ca.crt"))
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatalf("authority is not readable: %v", err)
	}
	for _, host := range []string{"127.0.0.1", "kubernetes.default"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestFilesAreKept(t *testing.T) {
	folder := t.TempDir()
	read := func() string {
		authority, err := Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		if err := authority.Issue(Identity{File: "admin", Name: "admin", Groups: []string{"system:masters"}}); err != nil {
			t.Fatal(err)
		}
		if err := authority.IssueTokenKey("tokens"); err != nil {
			t.Fatal(err)
		}
		var all string
		for _, file := range []string{"ca.crt", "ca.key", "admin.crt", "admin.key", "tokens.key", "tokens.pub"} {
			text, err := os.ReadFile(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	if read() != read() {
		t.Error("a second call wrote files anew")
	}
}

func TestTokenKubeconfig(t *testing.T) {
	authority, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := authority.TokenKubeconfig(path, "https://127.0.0.1:1", "secret", "leadline"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Users    []struct{ User map[string]string }
		Contexts []struct{ Context map[string]string }
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if config.Users[0].User["token"] != "secret" || config.Contexts[0].Context["namespace"] != "leadline" {
		t.Errorf("got %s", text)
	}
}

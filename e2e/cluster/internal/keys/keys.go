// Package keys makes what the cluster's programs prove themselves with: one certificate
// authority, certificates below it, the key that signs service-account tokens, and kubeconfigs.
//
// Everything is made once and kept: a file that exists is never written again, so that a second
// `up` finds the programs of the first one still trusting each other.
package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validFor is longer than any local cluster lives.
const validFor = 5 * 365 * 24 * time.Hour

// Authority signs certificates and keeps them in one folder.
type Authority struct {
	folder      string
	certificate *x509.Certificate
	key         crypto.Signer
}

// Identity is who a certificate is for: a client's name and groups, or a server's addresses.
type Identity struct {
	File   string   // The files are File.crt and File.key.
	Name   string   // User name of a client.
	Groups []string // Groups of a client.
	Hosts  []string // Host names and addresses of a server.
}

// Open reads the authority in folder, or makes it there.
func Open(folder string) (*Authority, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	authority := &Authority{folder: folder}
	if err := authority.load(); err == nil {
		return authority, nil
	} else if !os.IsNotExist(err) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "leadline-local-cluster"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validFor),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if err := authority.write("ca", template, template, key, key); err != nil {
		return nil, err
	}
	return authority, authority.load()
}

// Path names a file in the authority's folder.
func (a *Authority) Path(file string) string { return filepath.Join(a.folder, file) }

// Issue makes a certificate and its key, unless both are there.
func (a *Authority) Issue(identity Identity) error {
	if exists(a.Path(identity.File+".crt")) && exists(a.Path(identity.File+".key")) {
		return nil
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: identity.Name, Organization: identity.Groups},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(validFor),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, host := range identity.Hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return a.write(identity.File, template, a.certificate, key, a.key)
}

// IssueTokenKey makes the RSA pair that signs and checks service-account tokens.
func (a *Authority) IssueTokenKey(file string) error {
	if exists(a.Path(file+".key")) && exists(a.Path(file+".pub")) {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writePEM(a.Path(file+".pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return writePEM(a.Path(file+".key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

// load reads the authority's own certificate and key.
func (a *Authority) load() error {
	certificate, err := readPEM(a.Path("ca.crt"))
	if err != nil {
		return err
	}
	key, err := readPEM(a.Path("ca.key"))
	if err != nil {
		return err
	}
	if a.certificate, err = x509.ParseCertificate(certificate); err != nil {
		return err
	}
	a.key, err = x509.ParseECPrivateKey(key)
	return err
}

// write signs a certificate and stores it with its key; the certificate comes last, so that a
// certificate that is there always has its key.
func (a *Authority) write(file string, template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) error {
	certificate, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", file, err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(a.Path(file+".key"), "EC PRIVATE KEY", private); err != nil {
		return err
	}
	return writePEM(a.Path(file+".crt"), "CERTIFICATE", certificate)
}

func writePEM(path, kind string, content []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

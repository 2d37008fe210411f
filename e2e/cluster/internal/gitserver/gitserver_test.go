package gitserver

import (
	"crypto/rand"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// git runs git deaf to the machine's configuration.
func git(t *testing.T, folder string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command("git", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	output, err := command.CombinedOutput()
	return string(output), err
}

func must(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	output, err := git(t, folder, arguments...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return output
}

func TestPushAndClone(t *testing.T) {
	folder := t.TempDir()
	must(t, folder, "init", "--quiet", "--bare", "--initial-branch=main", "demo.git")
	handler, err := Server{Folder: folder, User: "someone", Password: "secret"}.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	work := t.TempDir()
	must(t, work, "init", "--quiet", "--initial-branch=main")
	// More than git sends in one piece: such a push comes in chunks, without a length.
	content := make([]byte, 3<<20)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "large"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, work, "add", ".")
	must(t, work, "commit", "--quiet", "-m", "one")
	must(t, work, "push", "--quiet", server.URL+"/demo.git", "main")

	head := must(t, work, "rev-parse", "HEAD")
	withPassword := strings.Replace(server.URL, "http://", "http://someone:secret@", 1)
	withWrong := strings.Replace(server.URL, "http://", "http://someone:wrong@", 1)
	for _, row := range []struct {
		name, url string
		works     bool
	}{
		{"open", server.URL + "/demo.git", true},
		{"with the password", withPassword + "/protected/demo.git", true},
		{"with a wrong password", withWrong + "/protected/demo.git", false},
		{"without a password", server.URL + "/protected/demo.git", false},
		{"another repository", server.URL + "/other.git", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			clone := t.TempDir()
			output, err := git(t, clone, "clone", "--quiet", row.url, "here")
			if (err == nil) != row.works {
				t.Fatalf("%v\n%s", err, output)
			}
			if row.works && must(t, filepath.Join(clone, "here"), "rev-parse", "HEAD") != head {
				t.Error("is another commit")
			}
		})
	}
}

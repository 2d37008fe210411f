// Package gitserver serves bare Git repositories over HTTP: it hands each request to
// `git http-backend`. Everyone may read and push, except below /protected/, where the same
// repositories ask for a name and a password. It makes no repositories and keeps no state.
package gitserver

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"strings"
)

// Protected is the path below which a password is asked for.
const Protected = "/protected"

// Server serves the repositories in Folder.
type Server struct {
	Folder   string
	User     string
	Password string
}

// Handler makes the HTTP handler.
func (s Server) Handler() (http.Handler, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("the Git server needs git: %w", err)
	}
	open := withLength(s.backend(git, ""))
	protected := withLength(s.backend(git, Protected))
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if !strings.HasPrefix(request.URL.Path, Protected+"/") {
			open.ServeHTTP(response, request)
			return
		}
		if !s.isAllowed(request) {
			response.Header().Set("WWW-Authenticate", `Basic realm="local cluster"`)
			http.Error(response, "wrong name or password", http.StatusUnauthorized)
			return
		}
		protected.ServeHTTP(response, request)
	}), nil
}

// backend runs git for requests below root. Pushing is allowed by configuration in the
// environment, so that repositories need none of their own.
func (s Server) backend(git, root string) http.Handler {
	return &cgi.Handler{
		Path: git,
		Root: root,
		Args: []string{"http-backend"},
		Dir:  s.Folder,
		Env: []string{
			"GIT_PROJECT_ROOT=" + s.Folder,
			"GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_NOSYSTEM=1",
			"HOME=" + s.Folder,
			"GIT_CONFIG_COUNT=2",
			"GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
		},
	}
}

// isAllowed checks name and password.
func (s Server) isAllowed(request *http.Request) bool {
	user, password, given := request.BasicAuth()
	return given &&
		subtle.ConstantTimeCompare([]byte(user), []byte(s.User)) == 1 &&
		subtle.ConstantTimeCompare([]byte(password), []byte(s.Password)) == 1
}

// withLength reads a request whose length is not known: CGI programs need one, and git sends
// large pushes in chunks.
func withLength(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.ContentLength < 0 {
			body, err := io.ReadAll(request.Body)
			if err != nil {
				http.Error(response, err.Error(), http.StatusBadRequest)
				return
			}
			request.Body = io.NopCloser(bytes.NewReader(body))
			request.ContentLength = int64(len(body))
			request.TransferEncoding = nil
		}
		next.ServeHTTP(response, request)
	})
}

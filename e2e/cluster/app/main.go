// Command app is the workload that the tests and the demo roll out: an HTTP server on port 8080
// that answers with its version and misbehaves as its environment says. Called as `app pause` it
// only waits, which is what holds a pod's namespaces.
//
// VERSION is what it answers; ERROR_PERCENT of the requests fail, spread evenly; LATENCY_MS passes
// before each answer; READY_AFTER_MS passes, or NEVER_READY is not empty, before /healthz answers
// 200; CRASH ends it at once; DRAIN_MS is how long it goes on serving after SIGTERM, and with
// NO_DRAIN it ends right then, whatever it is answering.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// drain covers the time until every proxy has heard that the pod is going.
const drain = 3 * time.Second

// behaviour is how this version of the workload does its work.
type behaviour struct {
	version      string
	errorPercent uint64
	latency      time.Duration
	readyAt      time.Time
	neverReady   bool
	answered     atomic.Uint64
}

func main() {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if len(os.Args) > 1 && os.Args[1] == "pause" {
		<-stop.Done()
		return
	}
	if os.Getenv("CRASH") != "" {
		log.Fatal("crashes, as it is told to")
	}
	work := &behaviour{
		version:      os.Getenv("VERSION"),
		errorPercent: uint64(number("ERROR_PERCENT", 0)),
		latency:      time.Duration(number("LATENCY_MS", 0)) * time.Millisecond,
		readyAt:      time.Now().Add(time.Duration(number("READY_AFTER_MS", 0)) * time.Millisecond),
		neverReady:   os.Getenv("NEVER_READY") != "",
	}
	server := &http.Server{Addr: ":8080", Handler: work.handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		log.Fatal(err)
	case <-stop.Done():
	}
	if os.Getenv("NO_DRAIN") != "" {
		return
	}
	// Requests still arrive from proxies that have not heard yet: refuse none of them.
	time.Sleep(time.Duration(number("DRAIN_MS", int(drain/time.Millisecond))) * time.Millisecond)
	limit, release := context.WithTimeout(context.Background(), 10*time.Second)
	defer release()
	if err := server.Shutdown(limit); err != nil {
		log.Fatal(err)
	}
}

// handler answers requests and the readiness probe.
func (b *behaviour) handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("/healthz", func(response http.ResponseWriter, _ *http.Request) {
		if b.neverReady || time.Now().Before(b.readyAt) {
			http.Error(response, "not ready", http.StatusServiceUnavailable)
		}
	})
	routes.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		time.Sleep(b.latency)
		response.Header().Set("X-Version", b.version)
		if b.fails(b.answered.Add(1)) {
			response.WriteHeader(http.StatusInternalServerError)
		}
		// An error here is the client's: it went away.
		_, _ = fmt.Fprintln(response, b.version)
	})
	return routes
}

// fails says whether the nth request is one that fails. The failing ones are spread evenly, so
// that a measurement over few requests is as exact as one over many.
func (b *behaviour) fails(count uint64) bool {
	return count*b.errorPercent/100 != (count-1)*b.errorPercent/100
}

// number reads a variable; one that is no number is a mistake that must be seen.
func number(variable string, absent int) int {
	text := os.Getenv(variable)
	if text == "" {
		return absent
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 {
		log.Fatalf("%s=%q is not a number", variable, text)
	}
	return value
}

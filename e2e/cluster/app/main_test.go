package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestErrorsAreSpreadEvenly(t *testing.T) {
	for _, percent := range []uint64{0, 1, 30, 50, 99, 100} {
		work := &behaviour{errorPercent: percent}
		failed := uint64(0)
		for count := uint64(1); count <= 1000; count++ {
			if work.fails(count) {
				failed++
			}
			if expected := count * percent / 100; failed != expected {
				t.Fatalf("%d%%: %d of %d failed, expected %d", percent, failed, count, expected)
			}
		}
	}
}

func TestReadiness(t *testing.T) {
	for _, row := range []struct {
		name string
		work *behaviour
		want int
	}{
		{"ready", &behaviour{}, http.StatusOK},
		{"not yet", &behaviour{readyAt: time.Now().Add(time.Hour)}, http.StatusServiceUnavailable},
		{"never", &behaviour{neverReady: true}, http.StatusServiceUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			response := httptest.NewRecorder()
			row.work.handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/healthz", nil))
			if response.Code != row.want {
				t.Errorf("got %d", response.Code)
			}
		})
	}
}

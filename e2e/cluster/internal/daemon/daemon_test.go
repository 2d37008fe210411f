package daemon

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	rest := " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for _, row := range []struct {
		name, stat, state, started string
		fails                      bool
	}{
		{"plain", "7 (etcd) S" + rest, "S", "4711", false},
		{"name with a parenthesis", "7 (a) b) R" + rest, "R", "4711", false},
		{"short", "7 (etcd) S 1 2", "", "", true},
		{"nothing", "", "", "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			state, started, err := parseStat(row.stat)
			if (err != nil) != row.fails || state != row.state || started != row.started {
				t.Errorf("got %q %q %v", state, started, err)
			}
		})
	}
}

func TestStartIsIdempotentAndStopEnds(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	folder := Folder{Run: t.TempDir(), Log: t.TempDir()}
	program := Program{Name: "sleeper", Path: sleep, Arguments: []string{"600"}}
	for pass, want := range []bool{true, false} {
		if started, err := folder.Start(program); err != nil || started != want {
			t.Fatalf("pass %d: started %v, %v", pass, started, err)
		}
	}
	if _, alive := folder.Alive("sleeper"); !alive {
		t.Fatal("is not alive")
	}
	if err := folder.Stop("sleeper", time.Second); err != nil {
		t.Fatal(err)
	}
	if _, alive := folder.Alive("sleeper"); alive || len(folder.Names()) != 0 {
		t.Error("is still there")
	}
}

func TestForeignPidIsLeftAlone(t *testing.T) {
	folder := Folder{Run: t.TempDir(), Log: t.TempDir()}
	// The first process of the machine, recorded with a start that it never had.
	record := []byte("1\nno-such-boot 1\n")
	if err := os.WriteFile(filepath.Join(folder.Run, "other.pid"), record, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, alive := folder.Alive("other"); alive {
		t.Error("a foreign process is taken for ours")
	}
	if err := folder.Stop("other", 0); err != nil {
		t.Error(err)
	}
}

package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name     string
		settings Settings
		works    bool
	}{
		{"light by default", Settings{Light, Light.DefaultBasePort()}, true},
		{"real by default", Settings{Real, Real.DefaultBasePort()}, true},
		{"unknown profile", Settings{"medium", 20000}, false},
		{"privileged ports", Settings{Light, 800}, false},
		{"beyond the last port", Settings{Light, 65500}, false},
		{"between two clusters", Settings{Light, 20050}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := row.settings.Check(); (err == nil) != row.works {
				t.Error(err)
			}
		})
	}
}

func TestNeighboursShareNothing(t *testing.T) {
	seen := map[string]int{}
	for base := 20000; base < 20000+10*portSpan; base += portSpan {
		layout := Layout{Settings: Settings{Real, base}}
		for _, own := range []string{layout.Name(), layout.PodRange(), layout.NodeAddress(), layout.ServiceRange(), layout.APIServer(), layout.Local(portGateway)} {
			if other, found := seen[own]; found {
				t.Errorf("%s belongs to %d and %d", own, other, base)
			}
			seen[own] = base
		}
		if len(layout.Name()) > 15 {
			t.Errorf("%s is too long for an interface", layout.Name())
		}
	}
}

func TestSettingsAreRecalled(t *testing.T) {
	layout := Layout{Settings: Settings{Real, 23000}, State: t.TempDir()}
	if _, err := Recall(layout.State); !errors.Is(err, ErrNothingThere) {
		t.Errorf("got %v", err)
	}
	if err := layout.Remember(); err != nil {
		t.Fatal(err)
	}
	if got, err := Recall(layout.State); err != nil || got != layout {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMountsBelow(t *testing.T) {
	table := strings.Join([]string{
		`22 1 0:20 / / rw - ext4 /dev/vda rw`,
		`30 22 0:31 / /state rw - tmpfs tmpfs rw`,
		`31 22 0:31 / /state/a rw shared:1 - tmpfs tmpfs rw`,
		`32 31 0:32 / /state/a/b\040c rw - overlay overlay rw`,
		`33 22 0:33 / /state-of-another/a rw - tmpfs tmpfs rw`,
		``,
	}, "\n")
	want := []string{"/state/a/b c", "/state/a"}
	if got := mountsBelow(table, "/state"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestBelowShims(t *testing.T) {
	running := &Cluster{Layout: Layout{State: "/state"}}
	shim := func(socket string) []string {
		return []string{"/programs/containerd-shim-runc-v2", "-namespace", "k8s.io", "-address", socket}
	}
	all := []alive{
		{9, 8, []string{"/app", "child of a container"}},
		{8, 5, []string{"/app"}},
		{5, 1, shim("/state/containerd.sock")},
		{6, 1, shim("/other/containerd.sock")},
		{7, 6, []string{"/app"}},
		{1, 0, []string{"init"}},
	}
	got := below(all, running.isShim)
	slices.Sort(got)
	if !slices.Equal(got, []int{8, 9}) {
		t.Errorf("got %v", got)
	}
}

func TestStateAndParent(t *testing.T) {
	for _, row := range []struct {
		stat, state string
		parent      int
		fails       bool
	}{
		{"7 (app) S 5 7 7 0", "S", 5, false},
		{"7 (a) b (c) Z 1 7", "Z", 1, false},
		{"7 (app", "", 0, true},
		{"", "", 0, true},
	} {
		state, parent, err := stateAndParent(row.stat)
		if (err != nil) != row.fails || (!row.fails && (state != row.state || parent != row.parent)) {
			t.Errorf("%q: got %q %d %v", row.stat, state, parent, err)
		}
	}
}

func TestEveryTemplateRenders(t *testing.T) {
	running := &Cluster{Layout: Layout{Settings: Settings{Real, 20000}, State: "/state"}}
	entries, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for _, name := range []string{"State", "Socket", "Programs", "Snapshotter", "PauseImage", "Name", "PodRange", "NodeAddress", "Port",
		"APIPort", "HealthPort", "Authority", "Certificate", "Key", "CgroupV1", "AdminPort", "IstiodPort", "Envoy"} {
		values[name] = "x"
	}
	for _, entry := range entries {
		if entry.Name() == "stages.yaml" {
			continue // kwok's own templates, filled in by kwok
		}
		if _, err := running.render(entry.Name(), values); err != nil {
			t.Error(err)
		}
	}
}

func TestEnvQuotes(t *testing.T) {
	text := Addresses{State: "/it's here", Git: "http://127.0.0.1:1/"}.Env()
	for _, line := range []string{`CLUSTER_STATE='/it'\''s here'`, `CLUSTER_GIT='http://127.0.0.1:1/'`, `CLUSTER_GIT_USER=''`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, text)
		}
	}
}

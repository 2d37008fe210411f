package main

import (
	"testing"

	"leadline.dev/e2e/cluster/internal/cluster"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		name      string
		command   string
		arguments []string
		want      cluster.Settings
		fails     bool
	}{
		{"light by default", "up", nil, cluster.Settings{Profile: cluster.Light, BasePort: 21000}, false},
		{"real", "up", []string{"--profile", "real"}, cluster.Settings{Profile: cluster.Real, BasePort: 20000}, false},
		{"elsewhere", "up", []string{"--base-port", "23000"}, cluster.Settings{Profile: cluster.Light, BasePort: 23000}, false},
		{"unknown profile", "up", []string{"--profile", "heavy"}, cluster.Settings{}, true},
		{"base port is for up", "down", []string{"--base-port", "23000"}, cluster.Settings{}, true},
		{"too much", "up", []string{"real"}, cluster.Settings{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked, err := parse(row.command, row.arguments)
			if (err != nil) != row.fails {
				t.Fatal(err)
			}
			if err == nil && asked.settings != row.want {
				t.Errorf("got %+v", asked.settings)
			}
		})
	}
}

func TestAClusterKeepsItsPorts(t *testing.T) {
	there := cluster.Layout{Settings: cluster.Settings{Profile: cluster.Real, BasePort: 23000}, State: t.TempDir()}
	if err := there.Remember(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		arguments []string
		state     string
		want      int
	}{
		{[]string{"--profile", "real"}, there.State, 23000},
		{[]string{"--profile", "real", "--base-port", "24000"}, there.State, 24000},
		{[]string{"--profile", "light"}, there.State, 21000},
		{[]string{"--profile", "real"}, t.TempDir(), 20000},
	} {
		asked, err := parse("up", append(row.arguments, "--state", row.state))
		if err != nil {
			t.Fatal(err)
		}
		if got := settle(asked).BasePort; got != row.want {
			t.Errorf("%v in %s: base port %d", row.arguments, row.state, got)
		}
	}
}

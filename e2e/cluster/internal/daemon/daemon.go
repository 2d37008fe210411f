// Package daemon starts programs that outlive the command that started them, and stops exactly
// those.
//
// Each program gets its own session, a log file, and a pid file that also records when the
// process started; a pid that another process took over since is therefore never signalled.
package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Folder holds the pid files and logs of one cluster.
type Folder struct {
	Run string // pid files
	Log string // what the programs print
}

// Program is what to start.
type Program struct {
	Name      string   // names pid file and log, and is the program's argv[0]
	Path      string   // the executable
	Arguments []string // without argv[0]
	Env       []string // added to a minimal environment
}

// stopPoll is how often a stopping process is looked at.
const stopPoll = 20 * time.Millisecond

// Start runs the program unless it runs already, and says whether it started it.
func (f Folder) Start(program Program) (bool, error) {
	if _, alive := f.Alive(program.Name); alive {
		return false, nil
	}
	for _, folder := range []string{f.Run, f.Log} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return false, err
		}
	}
	log, err := os.OpenFile(f.LogFile(program.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return false, err
	}
	defer log.Close()
	command := exec.Cmd{
		Path:        program.Path,
		Args:        append([]string{program.Name}, program.Arguments...),
		Env:         append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.Run}, program.Env...),
		Dir:         f.Run,
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := command.Start(); err != nil {
		return false, fmt.Errorf("start %s: %w", program.Name, err)
	}
	identity, err := identify(command.Process.Pid)
	if err == nil {
		err = os.WriteFile(f.pidFile(program.Name), []byte(fmt.Sprintf("%d\n%s\n", command.Process.Pid, identity)), 0o644)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("record the pid of %s: %w", program.Name, err), command.Process.Kill())
	}
	return true, command.Process.Release()
}

// Alive gives the pid of a program of ours that runs.
func (f Folder) Alive(name string) (int, bool) {
	text, err := os.ReadFile(f.pidFile(name))
	if err != nil {
		return 0, false
	}
	first, recorded, found := strings.Cut(strings.TrimSpace(string(text)), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || !found {
		return 0, false
	}
	identity, err := identify(pid)
	return pid, err == nil && identity == recorded
}

// Stop ends a program: SIGTERM, and SIGKILL once the grace period is over.
func (f Folder) Stop(name string, grace time.Duration) error {
	if err := f.signal(name, syscall.SIGTERM, grace); err != nil {
		return err
	}
	if err := f.signal(name, syscall.SIGKILL, 10*time.Second); err != nil {
		return err
	}
	if pid, alive := f.Alive(name); alive {
		return fmt.Errorf("%s (pid %d) does not end", name, pid)
	}
	if err := os.Remove(f.pidFile(name)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// Names lists the programs that have a pid file.
func (f Folder) Names() []string {
	files, err := filepath.Glob(filepath.Join(f.Run, "*.pid"))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".pid"))
	}
	return names
}

// LogFile is where a program prints to.
func (f Folder) LogFile(name string) string { return filepath.Join(f.Log, name+".log") }

// LogTail gives the last lines of a program's log, for error messages.
func (f Folder) LogTail(name string, count int) string {
	text, err := os.ReadFile(f.LogFile(name))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// signal sends one signal and waits until the program is gone or the limit is reached.
func (f Folder) signal(name string, signal syscall.Signal, limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(stopPoll) {
		pid, alive := f.Alive(name)
		if !alive || time.Now().After(deadline) {
			return nil
		}
		if signal != 0 {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop %s (pid %d): %w", name, pid, err)
			}
			signal = 0
		}
	}
}

func (f Folder) pidFile(name string) string { return filepath.Join(f.Run, name+".pid") }

// identify tells a process from any other that has, or will have, the same pid: by boot and by
// the clock tick it started at. A zombie counts as gone.
func identify(pid int) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	state, started, err := parseStat(string(stat))
	if err != nil {
		return "", err
	}
	if state == "Z" || state == "X" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return strings.TrimSpace(string(boot)) + " " + started, nil
}

// parseStat reads state and start time from /proc/PID/stat. The second field, the program's
// name, may itself hold spaces and parentheses.
func parseStat(stat string) (state, started string, err error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return "", "", errors.New("no program name in stat")
	}
	fields := strings.Fields(stat[end+1:])
	const startField = 19 // the 22nd of the line, counted from behind the name
	if len(fields) <= startField {
		return "", "", errors.New("stat is too short")
	}
	return fields[0], fields[startField], nil
}

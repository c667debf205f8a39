package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, lab.Resolved, lab.Openresolv, lab.Tayga, lab.BusyBox))
}

// rig is a lab with Homeward installed and its service running.
type rig struct {
	*lab.Lab
	*lab.Homeward
	t      *testing.T
	ctx    context.Context
	before lab.Snapshot // of the client's machine, before the service's first start
	files  map[string]string
	said   *transcript // of homewardctl
}

// transcript is what a program has said so far. Safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *transcript) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.WriteString(text)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// testTime bounds one test; a hung one says where it hangs.
const testTime = 150 * time.Second

// start builds a rig, or skips where the machine forbids it. At the end of the
// test the service is stopped, and the client's machine must be as before.
func start(t *testing.T, o lab.Options) *rig {
	t.Helper()
	return startFor(t, testTime, o)
}

// startFor is start for a test that may last that long.
func startFor(t *testing.T, limit time.Duration, o lab.Options) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	l, err := lab.Start(ctx, o)
	forbidden, nameless := (*lab.NotPermittedError)(nil), (*lab.NoNameServiceError)(nil)
	if errors.As(err, &forbidden) || errors.As(err, &nameless) || errors.Is(err, lab.ErrNotInstalled) {
		t.Skip("no lab on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Lab: l, t: t, ctx: ctx, said: &transcript{}}
	t.Cleanup(r.end)
	if r.before, err = l.Client.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	if r.Homeward, err = l.InstallHomeward(); err != nil {
		t.Fatal(err)
	}
	if r.files, err = l.PKI.WriteSamples(l.Dir); err != nil {
		t.Fatal(err)
	}
	if err := r.Homeward.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// verbose has the service tell all it ever tells.
func (r *rig) verbose() {
	r.t.Helper()
	if err := r.Homeward.Stop(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	r.Homeward.LogLevel = "debug"
	if err := r.Homeward.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// end takes the rig down and looks for what was left behind.
func (r *rig) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if r.Homeward != nil {
		if err := r.Homeward.Stop(ctx); err != nil {
			r.t.Error("stopping the service: ", err)
		}
		r.untouched("after the service's end")
	}
	if r.t.Failed() {
		if r.Homeward != nil {
			r.t.Log("the service's log:\n" + r.Homeward.Log())
		}
		if r.Gateway != nil {
			r.t.Log("the gateway's log:\n" + r.Gateway.Log())
		}
	}
	if err := r.Lab.Close(); err != nil {
		r.t.Error("closing the lab: ", err)
	}
}

// untouched wants the client's machine byte for byte as it was.
func (r *rig) untouched(when string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	now, err := r.Client.Snapshot(ctx)
	if err != nil {
		r.t.Error(err)
		return
	}
	if d := r.before.Diff(now); d != "" {
		r.t.Errorf("%s the machine is not as it was before:\n%s", when, d)
	}
}

// ctl runs homewardctl and gives its result.
func (r *rig) ctl(stdin string, args ...string) lab.Result {
	r.t.Helper()
	res, err := r.Ctl(r.ctx, stdin, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.said.add(res.Stdout + res.Stderr)
	return res
}

// must runs homewardctl, which must succeed, and gives its output.
func (r *rig) must(stdin string, args ...string) string {
	r.t.Helper()
	res := r.ctl(stdin, args...)
	if res.Code != 0 {
		r.t.Fatalf("homewardctl %s exits with %d: %s%s", strings.Join(args, " "), res.Code, res.Stdout, res.Stderr)
	}
	return res.Stdout
}

// fails runs homewardctl, which must fail with one sentence, and gives that.
func (r *rig) fails(stdin string, args ...string) string {
	r.t.Helper()
	res := r.ctl(stdin, args...)
	if res.Code == 0 {
		r.t.Fatalf("homewardctl %s succeeds, want a failure: %s", strings.Join(args, " "), res.Stdout)
	}
	lines := strings.Split(strings.TrimSpace(res.Stderr), "\n")
	last := lines[len(lines)-1]
	if !strings.HasSuffix(last, ".") || len(strings.Fields(last)) < 5 {
		r.t.Errorf("homewardctl %s fails with %q, want a sentence", strings.Join(args, " "), res.Stderr)
	}
	return last
}

// importFile imports a sample profile by name.
func (r *rig) importFile(name string) {
	r.t.Helper()
	out := r.must("", "import", r.files[name], "--yes")
	if !strings.Contains(out, name) {
		r.t.Errorf("import does not print the profile's name %q:\n%s", name, out)
	}
}

// profile writes a profile of the test's own and imports it.
func (r *rig) profile(m lab.Mobileconfig) {
	r.t.Helper()
	text, err := m.XML()
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.Dir, m.Name+"-own.mobileconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.must("", "import", path, "--yes")
}

// native writes a profile in Homeward's own format and imports it.
func (r *rig) native(n lab.Native) {
	r.t.Helper()
	text, err := n.JSON()
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.Dir, n.Name+"-own.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.must("", "import", path, "--yes")
}

// connect connects with the employee's name and password.
func (r *rig) connect(name string) {
	r.t.Helper()
	r.must(lab.UserPassword+"\n", "connect", name, "--user", lab.UserName, "--password-stdin")
}

// status is `homewardctl status --json`, as far as the issue fixes it.
type status struct {
	State   string `json:"state"`
	Profile string `json:"profile"`
	Since   string `json:"since"`
	Gateway struct {
		Address  string `json:"address"`
		Identity string `json:"identity"`
	} `json:"gateway"`
	Addresses []string `json:"addresses"`
	DNS       struct {
		Servers []string `json:"servers"`
		Domains []string `json:"domains"`
	} `json:"dns"`
	Routes   []string `json:"routes"`
	Warnings []string `json:"warnings"`
	IKE      struct {
		Suite       string `json:"suite"`
		Established string `json:"established"`
		RekeyAt     string `json:"rekey_at"`
	} `json:"ike"`
	ESP struct {
		Suite     string            `json:"suite"`
		ESN       bool              `json:"esn"`
		TxBytes   uint64            `json:"tx_bytes"`
		RxBytes   uint64            `json:"rx_bytes"`
		TxPackets uint64            `json:"tx_packets"`
		RxPackets uint64            `json:"rx_packets"`
		Drops     map[string]uint64 `json:"drops"`
		SAs       []struct {
			Remote []string `json:"remote"`
		} `json:"sas"`
	} `json:"esp"`
	Error *struct {
		Cause   string `json:"cause"`
		Message string `json:"message"`
	} `json:"error"`
}

func (r *rig) status() status {
	r.t.Helper()
	var s status
	if err := json.Unmarshal([]byte(r.must("", "status", "--json")), &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// opens fetches a page on the client's machine and wants a text in it.
func (r *rig) opens(url, want string) {
	r.t.Helper()
	page, err := r.Client.Fetch(r.ctx, url)
	if err != nil {
		r.t.Errorf("%s does not open: %v", url, err)
		return
	}
	if page.Status != 200 || !strings.Contains(page.Body, want) {
		r.t.Errorf("%s gives %d %q, want %q", url, page.Status, page.Body, want)
	}
}

// closed wants that a page does not open.
func (r *rig) closed(url string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
	defer cancel()
	if page, err := r.Client.Fetch(ctx, url); err == nil {
		r.t.Errorf("%s opens (%d %q), want it closed", url, page.Status, page.Body)
	}
}

func intranet(path string) string { return fmt.Sprintf("http://%s%s", lab.IntranetName, path) }

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// pings is a stream of echo requests to the intranet over the tunnel.
type pings struct {
	r      *rig
	count  int
	result chan string
}

func (r *rig) ping(count int) *pings {
	r.t.Helper()
	p := &pings{r: r, count: count, result: make(chan string, 1)}
	go func() {
		out, err := r.Client.Run(r.ctx, "ping", "-q", "-n", "-i", "0.005", "-W", "5", "-c", fmt.Sprint(count), lab.IntranetAddress.String())
		if err != nil {
			out += "\n" + err.Error()
		}
		p.result <- out
	}()
	return p
}

var pingSummary = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)

// allArrive waits for the end of the stream and wants every packet back, once.
func (p *pings) allArrive() {
	p.r.t.Helper()
	p.nearlyAllArrive(0)
}

// nearlyAllArrive lets a few packets be lost.
func (p *pings) nearlyAllArrive(few int) {
	p.r.t.Helper()
	out := <-p.result
	var sent, received int
	if m := pingSummary.FindStringSubmatch(out); m != nil {
		if _, err := fmt.Sscan(m[1]+" "+m[2], &sent, &received); err != nil {
			p.r.t.Error(err)
		}
	}
	if sent != p.count || received < sent-few || strings.Contains(out, "duplicates") {
		p.r.t.Errorf("packets were lost or doubled:\n%s", out)
	}
}

// TestRekeyLosesNothing rekeys the Child SA and the IKE SA from either side
// while packets flow, and not one is lost (RFC 7296 2.8).
func TestRekeyLosesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)

	first := r.theSA()
	p := r.ping(800) // four seconds
	for range 3 {
		if err := r.Gateway.RekeyChild(r.ctx); err != nil {
			t.Error("the gateway's rekey of the Child SA: ", err)
		}
		if err := r.Gateway.RekeyIKE(r.ctx); err != nil {
			t.Error("the gateway's rekey of the IKE SA: ", err)
		}
	}
	p.allArrive()
	last := r.theSA()
	if first.ike == last.ike || first.child == last.child {
		t.Errorf("nothing was rekeyed: %+v, then %+v", first, last)
	}
	if s := r.status(); s.State != "connected" {
		t.Errorf("after the rekeys the state is %q", s.State)
	}
	r.must("", "disconnect")
}

// TestOwnRekeyLosesNothing has lifetimes so short that the client rekeys both
// SAs by itself, several times.
func TestOwnRekeyLosesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.shorten("8s", "5s")
	r.connect(lab.OfficeProfile)
	first := r.theSA()
	p := r.ping(3200) // sixteen seconds
	p.allArrive()
	last := r.theSA()
	if first.ike == last.ike || first.child == last.child {
		t.Errorf("nothing was rekeyed: %+v, then %+v", first, last)
	}
	r.must("", "disconnect")
}

// shorten gives the one stored profile lifetimes that an administrator would
// not, as if it had been imported so.
func (r *rig) shorten(ike, child string) {
	r.t.Helper()
	r.edit(func(p map[string]any) {
		p["ike"].(map[string]any)["lifetime"] = ike
		p["child"].(map[string]any)["lifetime"] = child
	})
}

// edit changes the one stored profile while the service is not running.
func (r *rig) edit(change func(profile map[string]any)) {
	r.t.Helper()
	if err := r.Homeward.Stop(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(r.StateDir, "profiles", "*.json"))
	if err != nil || len(files) != 1 {
		r.t.Fatalf("the store holds %q (%v), want one profile", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		r.t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(b, &record); err != nil {
		r.t.Fatal(err)
	}
	change(record["profile"].(map[string]any))
	if b, err = json.Marshal(record); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// sa is what the gateway has of the line.
type sa struct{ ike, child string }

// theSA is the gateway's one live IKE SA with its one live Child SA; the
// gateway lists replaced ones for some seconds more.
func (r *rig) theSA() sa {
	r.t.Helper()
	var found sa
	err := r.Gateway.WaitSAs(r.ctx, "there is one live SA", func(sas []lab.SA) bool {
		var live []sa
		for _, s := range sas {
			for _, c := range s.Children {
				if s.State == "ESTABLISHED" && c.State == "INSTALLED" {
					live = append(live, sa{ike: s.UniqueID, child: c.SPIIn})
				}
			}
		}
		if len(live) != 1 {
			return false
		}
		found = live[0]
		return true
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// TestTheLineComesBack: a gateway that goes away, in an orderly way or not, is
// found again by itself as soon as it is back, without asking the user anew.
func TestTheLineComesBack(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.edit(func(p map[string]any) { p["session"].(map[string]any)["liveness"] = "1s" })
	r.connect(lab.OfficeProfile)
	for _, end := range []struct {
		name string
		do   func() error
	}{
		{"stopped", func() error { return r.Gateway.Stop(r.ctx) }},
		{"killed", r.Gateway.Kill},
	} {
		if err := end.do(); err != nil {
			t.Fatal(err)
		}
		err := lab.Until(r.ctx, "the line is known to be lost", func() (bool, error) { return r.status().State == "connecting", nil })
		if err != nil {
			t.Fatalf("gateway %s: %v", end.name, err)
		}
		if err := r.Gateway.Start(r.ctx); err != nil {
			t.Fatal(err)
		}
		err = lab.Until(r.ctx, "the line is back", func() (bool, error) { return r.status().State == "connected", nil })
		if err != nil {
			t.Fatalf("gateway %s: %v", end.name, err)
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
	}
	r.must("", "disconnect")
}

// TestBadNetwork: a connection comes up and carries a transfer through 10%
// loss, reordering and delay.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Relay: true})
	r.Relay.SetBoth(lab.Impairment{Loss: 0.1, Reorder: 0.1, Duplicate: 0.02, Delay: 2 * time.Millisecond})
	r.importFile(lab.OfficeProfile)
	r.must(lab.UserPassword+"\n", "connect", lab.OfficeProfile, "--user", lab.UserName, "--password-stdin", "--timeout", "90s")
	r.transfer(2 << 20)
	for _, d := range []lab.Direction{lab.ToGateway, lab.ToClient} {
		if c := r.Relay.Count(d); c.Lost == 0 || c.Reordered == 0 {
			t.Errorf("the relay did no harm: %+v", c)
		}
	}
	r.Relay.SetBoth(lab.Impairment{})
	r.must("", "disconnect")
}

// transfer downloads and uploads n bytes and compares the hashes.
func (r *rig) transfer(n int64) {
	r.t.Helper()
	want, err := lab.BlobSHA256(n)
	if err != nil {
		r.t.Fatal(err)
	}
	page, err := r.Client.Fetch(r.ctx, intranet(fmt.Sprintf("/blob?n=%d", n)))
	if err != nil {
		r.t.Fatal(err)
	}
	if page.Length != n || page.SHA256 != want {
		r.t.Errorf("downloaded %d bytes with hash %s, want %d with %s", page.Length, page.SHA256, n, want)
	}
	r.t.Logf("%d bytes down in %v", n, page.Elapsed)
	page, err = r.Client.Upload(r.ctx, intranet("/sink"), n)
	if err != nil {
		r.t.Fatal(err)
	}
	if page.Body != fmt.Sprintf("%d %s\n", n, want) {
		r.t.Errorf("the intranet got %q, want %d bytes with hash %s", page.Body, n, want)
	}
}

// TestSmallPath: where the path silently loses everything above 1,280 octets,
// the handshake, large transfers both ways and large datagrams still pass.
func TestSmallPath(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Relay: true, Gateway: lab.GatewayOptions{Key: lab.RSA3072}})
	r.Relay.SetBoth(lab.Impairment{MTU: 1280})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.transfer(4 << 20)
	// Whoever sends datagrams that do not fit is told so, and what fits.
	out, err := r.Client.Run(r.ctx, "ping", "-n", "-M", "do", "-c", "1", "-W", "2", "-s", "1390", lab.IntranetAddress.String())
	if err == nil || !strings.Contains(out, "mtu = ") && !strings.Contains(out, "mtu=") {
		t.Errorf("a datagram that does not fit is not refused: %v\n%s", err, out)
	}
	if c := r.Relay.Count(lab.ToGateway); c.LargestPacket > 1280 {
		t.Errorf("the relay let a packet of %d octets through", c.LargestPacket)
	}
	r.must("", "disconnect")
}

// TestLargeTransfer moves 200 MB each way, with the right hash.
func TestLargeTransfer(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.transfer(200 << 20)
	for reason, n := range r.status().ESP.Drops {
		if n != 0 {
			t.Logf("%d packets were dropped on the way: %s", n, reason)
		}
	}
	r.must("", "disconnect")
}

// TestNothingButTheTunnel: while a full tunnel is up and programs talk to
// everybody, the wire shows IKE, ESP and what a link needs, and nothing else.
func TestNothingButTheTunnel(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	c, err := r.Lab.Capture(r.Client, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	for _, url := range []string{"http://" + lab.PublicName + "/", "http://" + lab.PublicAddress.String() + "/", "http://[" + lab.PublicAddress6.String() + "]/"} {
		ctx, cancel := context.WithTimeout(r.ctx, time.Second)
		// Whether the company lets this out is its own affair; that it does
		// not leave beside the tunnel is ours.
		if _, err := r.Client.Fetch(ctx, url); err != nil {
			t.Logf("%s: %v", url, err)
		}
		cancel()
	}
	r.ping(200).allArrive()
	if err := r.Gateway.RekeyChild(r.ctx); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if leaks := c.Leaks(); len(leaks) != 0 {
		t.Errorf("%d frames left beside the tunnel, the first: %v", len(leaks), leaks[0])
	}
	if lost, err := c.Lost(); lost != 0 || err != nil {
		t.Errorf("the capture missed %d frames: %v", lost, err)
	}
	if c.Summary()[lab.ESP] == 0 {
		t.Errorf("the capture saw no ESP: %v", c.Summary())
	}
	r.must("", "disconnect")
}

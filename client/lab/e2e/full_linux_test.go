package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestFullDisk: the disk under the service is full. A connection cannot be made,
// for nothing is changed that cannot be written down first; that is said, and
// under the kill switch nothing leaves. With room again it can.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	if err := r.Homeward.Stop(r.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Client.Run(r.ctx, "mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", r.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.importFile(lab.OfficeProfile)
	g := r.watch()
	r.must("", "killswitch", "lockdown")
	fill := filepath.Join(r.StateDir, "fill")
	// dd ends with an error when the disk is full, as it should be.
	if out, err := r.Client.Run(r.ctx, "dd", "if=/dev/zero", "of="+fill, "bs=4096"); err == nil {
		t.Fatalf("the disk does not get full: %s", out)
	}
	g.scene("the disk is full", func() {
		said := r.fails(lab.UserPassword+"\n", "connect", lab.OfficeProfile, "--user", lab.UserName, "--password-stdin")
		if !strings.Contains(said, "disk is full") {
			t.Errorf("it says %q", said)
		}
		if s := r.status(); s.State == "connected" || s.State == "disconnected" {
			t.Errorf("the state is %s", s.State)
		}
		if r.device() != 0 {
			t.Error("there is a device that nobody has written down")
		}
	})
	g.scene("there is room again", func() {
		if _, err := r.Client.Run(r.ctx, "rm", fill); err != nil {
			t.Fatal(err)
		}
		r.connect(lab.OfficeProfile)
		r.opens(intranet("/"), lab.IntranetGreeting)
	})
	r.must("", "disconnect")
	g.scene("disconnected", func() {})
	r.must("", "killswitch", "off")
	r.untouched("after disconnect")
	if err := r.Homeward.Stop(r.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Client.Run(r.ctx, "umount", r.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
}

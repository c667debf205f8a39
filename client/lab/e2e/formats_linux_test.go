package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// journey is a profile of another program's, and what it takes to connect by it.
type journey struct {
	format lab.Format
	by     lab.SignIn
	asked  []string // what is typed at the import
	// outside: the file has no place for what it takes. The gateway's authority is
	// trusted by the whole system, the password is typed, the certificate imported.
	outside bool
	alone   bool   // nothing of what the file names lies beside it
	suite   string // what the file offers, and nothing else; empty: Homeward's own set
}

func (j journey) name() string {
	if j.alone {
		return fmt.Sprintf("%s-%s-alone", j.format, j.by)
	}
	return fmt.Sprintf("%s-%s", j.format, j.by)
}

// gcm384 is what strongSwan's files of the lab offer first.
const gcm384 = "aes256gcm16-prfsha384-ecp384"

var journeys = []journey{
	{format: lab.AppleSigned, by: lab.ByPassword},
	{format: lab.ApplePEM, by: lab.ByCertificate},
	{format: lab.AppleBinary, by: lab.BySharedKey},
	{format: lab.AndroidApp, by: lab.ByPassword},
	{format: lab.AndroidApp, by: lab.ByCertificate, asked: list("not that one", lab.P12Password)},
	{format: lab.NetworkManager, by: lab.ByPassword, suite: gcm384},
	{format: lab.NetworkManager, by: lab.ByCertificate, suite: gcm384},
	{format: lab.NetworkManager, by: lab.BySharedKey, suite: gcm384},
	{format: lab.Swanctl, by: lab.ByPassword, suite: gcm384},
	{format: lab.Swanctl, by: lab.ByCertificate, suite: gcm384},
	{format: lab.Swanctl, by: lab.BySharedKey, suite: gcm384},
	{format: lab.IPsecConf, by: lab.ByPassword, suite: gcm384},
	{format: lab.IPsecConf, by: lab.ByCertificate, suite: gcm384},
	{format: lab.IPsecConf, by: lab.BySharedKey, suite: gcm384},
	{format: lab.ChromeOS, by: lab.ByPassword},
	{format: lab.ChromeOS, by: lab.ByCertificate},
	{format: lab.ChromeOS, by: lab.BySharedKey},
	{format: lab.ProfileXML, by: lab.ByPassword, outside: true},
	{format: lab.ProfileXML, by: lab.ByCertificate, outside: true},
	{format: lab.PhoneBook, by: lab.ByPassword, outside: true},
	{format: lab.PhoneBook, by: lab.ByCertificate, outside: true},
	{format: lab.AnyConnect, by: lab.ByPassword, outside: true},
	{format: lab.AnyConnect, by: lab.ByCertificate, outside: true},
	{format: lab.NetworkManager, by: lab.ByCertificate, outside: true, alone: true, asked: list("y"), suite: gcm384},
	{format: lab.Swanctl, by: lab.ByCertificate, outside: true, alone: true, asked: list("y"), suite: gcm384},
	{format: lab.IPsecConf, by: lab.ByPassword, outside: true, alone: true, asked: list("y"), suite: gcm384},
}

// proofs are what the gateway's log says of each way to sign in.
var proofs = map[lab.SignIn]string{
	lab.ByPassword:    "EAP method EAP_MSCHAPV2 succeeded",
	lab.ByCertificate: lab.EmployeeMail + "' with ECDSA",
	lab.BySharedKey:   "'" + lab.EmployeeMail + "' with pre-shared key successful",
	lab.ByPEAP:        "RADIUS authentication of '",
	lab.ByTTLS:        "RADIUS authentication of '",
	lab.ByMachine:     "desk7." + lab.CompanyDomain + "' with ECDSA",
}

// traveller is a rig whose employee goes through the formats one by one. Nothing is
// kept from one to the next.
type traveller struct {
	*rig
	employee *lab.Credential
	exported map[lab.SignIn][]string // files, by what they sign in with
	realm    string                  // of the sign-in server that is asked
}

// TestEveryFormatConnects imports a profile of each format, as its own program's
// administrator writes it, and connects by what it says. Then what was exported of each
// is imported in its place, and connects as well.
func TestEveryFormatConnects(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.keychain(t)
	w := &traveller{rig: r, exported: map[lab.SignIn][]string{}}
	var err error
	if w.employee, err = r.PKI.Employee(lab.EmployeeMail, lab.ECDSA256); err != nil {
		t.Fatal(err)
	}
	w.each(t, journeys, func(j journey) bool { return !j.outside })
	w.distrusted(t)
	w.settle(t)
	w.each(t, journeys, func(j journey) bool { return j.outside })
	t.Run("profilexml-machine", w.machine)
	for by, files := range w.exported {
		for _, file := range files {
			t.Run("exported "+filepath.Base(file), func(t *testing.T) { w.again(t, by, file) })
		}
	}
	r.untouched("after all formats")
}

// within is the traveller for one part of the test.
func (w *traveller) within(t *testing.T) *traveller {
	r := *w.rig
	r.t = t
	own := *w
	own.rig = &r
	return &own
}

// each makes the journeys that are meant.
func (w *traveller) each(t *testing.T, all []journey, meant func(journey) bool) {
	t.Helper()
	for _, j := range all {
		if meant(j) {
			t.Run(j.name(), func(t *testing.T) { w.within(t).travel(j) })
		}
	}
}

// travel is one journey: import, connect, export, forget.
func (w *traveller) travel(j journey) {
	w.t.Helper()
	// Only who leaves the gateway's authority behind lowers security, and is asked.
	report := w.typed(w.t, j.asked, "import", w.write(j))
	if !strings.Contains(report, "Imported "+j.name()) || strings.Contains(report, "Not taken over") && !j.alone {
		w.t.Fatalf("the import says:\n%s", report)
	}
	if signed := j.format == lab.AppleSigned || j.format == lab.ApplePEM; signed != strings.Contains(report, lab.SignerName) {
		w.t.Errorf("who signed the file is told: %v\n%s", !signed, report)
	}
	for _, secret := range list(lab.UserPassword, lab.SharedKey, lab.P12Password) {
		if strings.Contains(report, secret) {
			w.t.Errorf("the report shows the secret %q", secret)
		}
	}
	asked := j.outside || j.by == lab.ByPassword && j.format == lab.AppleSigned
	w.rides(j.name(), j.by, asked, j.suite)
	w.export(j)
	w.forget(j.name())
}

// write writes a profile into a folder of its own.
func (w *traveller) write(j journey) string {
	w.t.Helper()
	f := lab.Foreign{Name: j.name(), By: j.by, CA: w.PKI.CA, Employee: w.employee, Servers: w.PKI.SignIn, Realm: w.realm}
	d, err := f.Document(j.format)
	if err != nil {
		w.t.Fatal(err)
	}
	if j.alone {
		d.Beside = nil
	}
	dir := filepath.Join(w.Dir, f.Name)
	path, err := d.Write(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

// rides connects, opens a page of the intranet by its name, and disconnects. asked:
// what the employee signs in with is not kept.
func (w *traveller) rides(name string, by lab.SignIn, asked bool, suite string) {
	w.t.Helper()
	before := w.Gateway.Log()
	switch {
	case asked && by == lab.ByPassword:
		w.connect(name)
	case asked && by == lab.BySharedKey:
		w.must(lab.SharedKey+"\n", "connect", name, "--password-stdin")
	default:
		w.must("", "connect", name)
	}
	w.arrived(name, by, before)
	if s := w.status(); !strings.HasPrefix(s.IKE.Suite, suite) {
		w.t.Errorf("the IKE SA has %s, want %s", s.IKE.Suite, suite)
	}
	w.must("", "disconnect")
}

// arrived wants the line to stand, and the gateway to have seen who it should.
func (w *traveller) arrived(name string, by lab.SignIn, before string) {
	w.t.Helper()
	w.opens(intranet("/"), lab.IntranetGreeting)
	if s := w.status(); s.State != "connected" || s.Profile != name {
		w.t.Errorf("status: %q of %q, want %q connected", s.State, s.Profile, name)
	}
	if said := strings.TrimPrefix(w.Gateway.Log(), before); !strings.Contains(said, proofs[by]) {
		w.t.Errorf("the gateway's log lacks %q", proofs[by])
	}
}

// export writes the profile for Apple's devices and for strongSwan's app. The app
// knows no shared keys, and the command says so.
func (w *traveller) export(j journey) {
	w.t.Helper()
	for _, format := range list("mobileconfig", "sswan") {
		file := filepath.Join(w.Dir, j.name()+"."+format)
		if format == "sswan" && j.by == lab.BySharedKey {
			if said := w.fails("", "export", j.name(), file, "--format", format); !strings.Contains(said, "shared key") {
				w.t.Errorf("exporting a shared key for strongSwan's app says %q", said)
			}
			continue
		}
		w.must("", "export", j.name(), file, "--format", format)
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, secret := range list(lab.UserPassword, lab.SharedKey, "PRIVATE KEY") {
			if strings.Contains(string(text), secret) {
				w.t.Errorf("%s holds a secret", file)
			}
		}
		w.exported[j.by] = append(w.exported[j.by], file)
	}
}

// payloadUUID only names a payload of a file of Apple's, and is each file's own.
var payloadUUID = regexp.MustCompile(`<key>PayloadUUID</key>\s*<string>[0-9A-F-]*</string>`)

// again imports what was exported. Its secrets are not in it: they are typed, and the
// certificate is the one that the employee keeps.
func (w *traveller) again(t *testing.T, by lab.SignIn, file string) {
	w = w.within(t)
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if said := w.must("", "import", file, "--yes"); !strings.Contains(said, "Imported "+name) {
		t.Fatalf("the import says:\n%s", said)
	}
	w.rides(name, by, true, "")
	// Nothing is lost on a second way round.
	second, format := file+".again", strings.TrimPrefix(filepath.Ext(file), ".")
	w.must("", "export", name, second, "--format", format)
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(second); err != nil || !bytes.Equal(payloadUUID.ReplaceAll(again, nil), payloadUUID.ReplaceAll(first, nil)) {
		t.Errorf("%v, exported as\n%s\nand again as\n%s", err, first, again)
	}
	w.forget(name)
}

// forget deletes the profile, which must have been the only one.
func (w *traveller) forget(name string) {
	w.t.Helper()
	w.must("", "forget", name)
	if left := strings.TrimSpace(w.must("", "profiles", "--json")); left != "[]" {
		w.t.Errorf("after forgetting %s there are %s", name, left)
	}
}

// distrusted: where a file cannot hold the gateway's authority and the system does not
// trust it either, the gateway is refused.
func (w *traveller) distrusted(t *testing.T) {
	t.Run("an authority that nobody trusts", func(t *testing.T) {
		w := w.within(t)
		j := journey{format: lab.ProfileXML, by: lab.ByPassword}
		name := j.name()
		w.must("", "import", w.write(j), "--yes")
		w.fails(lab.UserPassword+"\n", "connect", name, "--user", lab.UserName, "--password-stdin")
		if s := w.status(); s.Error == nil || s.Error.Cause != "gateway-untrusted" {
			t.Errorf("the failure is %+v", s.Error)
		}
		w.forget(name)
	})
}

// settle does what an administrator does for formats that cannot hold it: the company's
// authority is trusted by the system. The employee keeps the certificate that IT sent.
func (w *traveller) settle(t *testing.T) {
	t.Helper()
	if err := w.Client.TrustSystemwide(w.PKI.CA); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.before, err = w.Client.Snapshot(w.ctx); err != nil { // /etc may have a folder more
		t.Fatal(err)
	}
	w.typed(t, list(lab.P12Password), "certificate", "import", w.packed(t, w.employee))
}

// packed writes a PKCS#12 file.
func (w *traveller) packed(t *testing.T, c *lab.Credential) string {
	t.Helper()
	data, err := lab.PKCS12(c, w.PKI.CA, lab.P12Password, false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.Dir, c.Certificate.Subject.CommonName+".p12")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// machine is Windows' device tunnel: an administrator gives the service the computer's
// certificate, and the line comes before anybody asks for it.
func (w *traveller) machine(t *testing.T) {
	w = w.within(t)
	computer := "desk7." + lab.CompanyDomain
	own, err := w.PKI.CA.Issue(lab.CertificateSpec{CommonName: computer, DNSNames: list(computer)})
	if err != nil {
		t.Fatal(err)
	}
	j := journey{format: lab.ProfileXML, by: lab.ByMachine}
	name := j.name()
	before := w.Gateway.Log()
	w.must("", "import", w.write(j), "--yes")
	w.must(lab.P12Password+"\n", "machine", "set", name, "--certificate", w.packed(t, own), "--password-stdin")
	w.until("connected")
	w.arrived(name, lab.ByMachine, before)
	w.must("", "disconnect")
	w.must("", "machine", "remove", name)
	w.forget(name)
}

// TestFormatsAskSignInServers: profiles of Windows and ChromeOS that sign in by PEAP and
// TTLS, the usual ways of companies, at gateways that ask their sign-in servers.
func TestFormatsAskSignInServers(t *testing.T) {
	t.Parallel()
	r := companyRigWith(t, lab.RADIUSOptions{HostapdTLS12: true})
	r.keychain(t)
	if err := r.Client.TrustSystemwide(r.PKI.CA, r.PKI.SignIn); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.before, err = r.Client.Snapshot(r.ctx); err != nil { // /etc may have a folder more
		t.Fatal(err)
	}
	w := &traveller{rig: r}
	realms := map[lab.SignIn]string{lab.ByPEAP: lab.RealmHostapd, lab.ByTTLS: lab.RealmTLS13}
	for _, j := range []journey{
		{format: lab.ProfileXML, by: lab.ByPEAP, outside: true}, {format: lab.ProfileXML, by: lab.ByTTLS, outside: true},
		{format: lab.ChromeOS, by: lab.ByPEAP}, {format: lab.ChromeOS, by: lab.ByTTLS},
	} {
		t.Run(j.name(), func(t *testing.T) {
			w := w.within(t)
			w.realm = realms[j.by]
			w.must("", "import", w.write(j))
			before := w.Gateway.Log()
			if j.outside {
				w.connect(j.name())
			} else {
				w.must("", "connect", j.name())
			}
			w.arrived(j.name(), j.by, before)
			w.must("", "disconnect")
			w.forget(j.name())
		})
	}
	r.untouched("after all formats")
}

package lab_test

import (
	"path/filepath"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/formats"
)

// Every file of another program's is what its name says, as Homeward's own importers
// read it with the files beside it.
func TestForeignImports(t *testing.T) {
	t.Parallel()
	pki, err := lab.NewPKI(lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	employee, err := pki.Employee(lab.EmployeeMail, lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	all := []lab.SignIn{lab.ByPassword, lab.ByCertificate, lab.BySharedKey}
	private := all[:2] // no place for a shared key
	for format, ways := range map[lab.Format][]lab.SignIn{
		lab.AppleSigned: all, lab.ApplePEM: all, lab.AppleBinary: all, lab.AndroidApp: private, lab.NetworkManager: all,
		lab.Swanctl: all, lab.IPsecConf: all, lab.ChromeOS: append([]lab.SignIn{lab.ByPEAP, lab.ByTTLS}, all...),
		lab.ProfileXML: {lab.ByPassword, lab.ByCertificate, lab.ByMachine, lab.ByPEAP, lab.ByTTLS}, lab.PhoneBook: private, lab.AnyConnect: private,
	} {
		for _, by := range ways {
			name := string(format) + "-" + string(by)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d, err := lab.Foreign{Name: name, By: by, CA: pki.CA, Employee: employee, Servers: pki.SignIn, Realm: lab.RealmHostapd}.Document(format)
				if err != nil {
					t.Fatal(err)
				}
				holdImported(t, d, format, by)
			})
		}
	}
	for format, by := range map[lab.Format]lab.SignIn{
		lab.AndroidApp: lab.BySharedKey, lab.ChromeOS: lab.ByMachine, lab.AppleSigned: lab.ByMachine, "letter": lab.ByPassword,
	} {
		if _, err := (lab.Foreign{By: by, CA: pki.CA, Employee: employee}).Document(format); err == nil {
			t.Errorf("%s by %s is written", format, by)
		}
	}
}

// holdImported imports the files and holds the connection against its format.
func holdImported(t *testing.T, d lab.Document, format lab.Format, by lab.SignIn) {
	t.Helper()
	dir := t.TempDir()
	path, err := d.Write(dir)
	if err != nil || filepath.Dir(path) != dir {
		t.Fatalf("written to %s: %v", path, err)
	}
	found, err := formats.ImportWith(d.Data, profile.ImportOptions{
		ReadFile:    profile.FilesBeside(dir),
		AskPassword: func(string, int) ([]byte, error) { return []byte(lab.P12Password), nil },
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d connections, %v, in\n%s", len(found), err, d.Data)
	}
	p, secrets := found[0].Profile, found[0].Secrets
	want := map[lab.SignIn]profile.ClientAuth{
		lab.ByPassword: profile.ClientMSCHAPv2, lab.ByCertificate: profile.ClientCertificate,
		lab.ByMachine: profile.ClientCertificate, lab.BySharedKey: profile.ClientPSK,
		lab.ByPEAP: profile.ClientEAP, lab.ByTTLS: profile.ClientEAP,
	}[by]
	if p.Gateway.Address != lab.GatewayName || p.Client.Auth != want || p.Traffic.Full == (by == lab.ByMachine) {
		t.Errorf("imported as %+v", p)
	}
	// Windows' files and Cisco's hold no certificate, no key and no password.
	bare := format == lab.ProfileXML || format == lab.PhoneBook || format == lab.AnyConnect
	if trusts := len(p.Gateway.Anchors) > 0; trusts != (!bare && by != lab.BySharedKey) {
		t.Errorf("it trusts %d authorities", len(p.Gateway.Anchors))
	}
	if (secrets.PrivateKey != nil) != (!bare && by == lab.ByCertificate) || (secrets.PSK != nil) != (by == lab.BySharedKey) {
		t.Errorf("private key %v, shared key %v", secrets.PrivateKey != nil, secrets.PSK != nil)
	}
	for _, line := range found[0].Report {
		if line.Lowers || line.Verdict == profile.Refused {
			t.Errorf("the report says %+v", line)
		}
	}
}

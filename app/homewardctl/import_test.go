package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

func TestBadFilesChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	whole := mobileconfig("office", eapUser, "")
	tests := map[string]struct {
		path  string
		words []string
	}{
		"no such file":     {filepath.Join(t.TempDir(), "none.mobileconfig"), []string{"there is no file", "check its name"}},
		"a folder":         {t.TempDir(), []string{"is a folder"}},
		"empty":            {r.file("e.mobileconfig", ""), []string{"empty"}},
		"another format":   {r.file("o.ovpn", "client\ndev tun\nremote vpn.example.com 1194\n"), []string{"OpenVPN", "ask for an IKEv2 profile"}},
		"nonsense":         {r.file("n.mobileconfig", "\x00\x01\x02nonsense"), nil},
		"truncated":        {r.file("t.mobileconfig", whole[:len(whole)*2/3]), nil},
		"no gateway":       {r.file("g.mobileconfig", strings.ReplaceAll(whole, "<key>RemoteAddress</key><string>vpn.example.com</string>", "")), nil},
		"larger than any":  {r.file("l.mobileconfig", strings.Repeat(" ", 3<<20)), nil},
		"a name too long":  {r.file("w.mobileconfig", whole), []string{"--name"}},
		"a name of blanks": {r.file("b.mobileconfig", whole), []string{"--name"}},
	}
	for name, tt := range tests {
		args := []string{"import", tt.path}
		switch name {
		case "a name too long":
			args = append(args, "--name", strings.Repeat("n", 1000))
		case "a name of blanks":
			args = append(args, "--name", "  ")
		}
		t.Run(name, func(t *testing.T) {
			r.fails(tt.words, args...)
			if list := r.profiles(); len(list) != 0 {
				t.Errorf("stored %+v", list)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser+`<key>AuthPassword</key><string>hunter2</string><key>FutureKey</key><string>x</string>`, "")))
	for _, want := range []string{"office: user name and password at vpn.example.com, from Harbour Ltd", "Taken over:", "RemoteAddress", "FutureKey", "Imported office. Connect with «homewardctl connect office»."} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out+r.err.String(), "hunter2") {
		t.Error("the report shows the password")
	}
	r.setGateway(passwordGateway("hunter2"))
	r.ok("connect", "office") // with the password of the file
}

func TestImportAgainReplaces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := r.file("office.mobileconfig", mobileconfig("office", eapUser, ""))
	r.ok("import", file, "--name", "Work")
	first := r.profiles()
	if len(first) != 1 || first[0].Name != "Work" {
		t.Fatalf("%+v", first)
	}
	r.person.will("right")
	r.ok("connect", "work")
	r.ok("disconnect")
	if out := r.ok("import", file); !strings.Contains(out, "Replaced Work.") {
		t.Errorf("said %q", out)
	}
	if again := r.profiles(); len(again) != 1 || again[0].ID != first[0].ID || again[0].Name != "Work" {
		t.Errorf("%+v", again)
	}
	r.person.will()
	r.ok("connect", "work") // the kept password survived
}

// TestImportFromElsewhereForgetsThePassword: a file that claims to be a newer
// one of the company's, and leads to another gateway, gets no kept password.
func TestImportFromElsewhereForgetsThePassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := mobileconfig("office", eapUser+`<key>AuthPassword</key><string>hunter2</string>`, "")
	r.ok("import", r.file("office.mobileconfig", text))
	r.setGateway(passwordGateway("hunter2"))
	r.ok("connect", "office")

	newer := strings.ReplaceAll(mobileconfig("office", eapUser, ""), "vpn.example.com", "vpn.elsewhere.example")
	elsewhere := r.file("newer.mobileconfig", newer)
	r.fails([]string{"in use", "homewardctl disconnect"}, "import", elsewhere)
	r.ok("disconnect")
	r.person.will()
	r.ok("connect", "office") // nothing was changed: the kept password is there
	r.ok("disconnect")

	r.ok("import", elsewhere)
	if !strings.Contains(r.err.String(), "is forgotten; give it only if you trust this file") {
		t.Errorf("the user is not told: %q", r.err.String())
	}
	r.fails([]string{"no terminal"}, "connect", "office") // it is asked for again

	// Back to the first file: what its own password is, it says itself.
	r.ok("import", r.file("office.mobileconfig", text))
	r.ok("connect", "office")
}

func TestNameThatIsTaken(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	other := r.file("other.mobileconfig", mobileconfig("other", eapUser+`<key>AuthPassword</key><string>hunter2</string>`, ""))
	r.fails([]string{"already", "--name"}, "import", other, "--name", "Office")
	sealed, err := filepath.Glob(filepath.Join(filepath.Dir(r.socket), "sealed", "*"))
	if err != nil || len(sealed) != 0 {
		t.Errorf("secrets of a profile that was not stored: %v, %v", sealed, err)
	}
}

func TestLoweringWantsAYes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	weak := r.file("weak.mobileconfig", mobileconfig("weak", eapUser+weakKey, ""))
	r.fails([]string{"lower security", "--yes", "nothing was changed"}, "import", weak)
	if !strings.Contains(r.out.String(), "  ! ") {
		t.Errorf("nothing is marked:\n%s", r.out.String())
	}
	r.person.will("")
	r.fails([]string{"not imported"}, "import", weak)
	if list := r.profiles(); len(list) != 0 {
		t.Fatalf("stored %+v", list)
	}
	r.person.will("y")
	r.ok("import", weak)
	r.ok("forget", "weak")
	r.person.will()
	r.ok("import", weak, "--yes")
}

// TestTermsWantAYes: a text that the file wants agreed to is shown and asked about.
func TestTermsWantAYes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := mobileconfig("office", eapUser, "")
	at := strings.Index(text, "<key>PayloadOrganization</key>")
	const terms = "Only for work."
	file := r.file("terms.mobileconfig", text[:at]+"<key>ConsentText</key><dict><key>default</key><string>"+terms+"</string></dict>"+text[at:])
	r.fails([]string{terms, "--yes", "no terminal"}, "import", file)
	r.person.will("")
	r.fails([]string{"you do not agree", "nothing was changed"}, "import", file)
	if list := r.profiles(); len(list) != 0 {
		t.Fatalf("stored %+v", list)
	}
	asked := r.person.prompts()
	if q := asked[len(asked)-1]; q.Kind != credential.KindConsent || q.Message != terms || q.Speaker != "Harbour Ltd" {
		t.Errorf("asked %+v", q)
	}
	r.person.will("y")
	r.ok("import", file)
	r.ok("forget", "office")
	r.person.will()
	r.ok("import", file, "--yes")
}

// identityPayload is a PKCS#12 payload with a fresh key.
func identityPayload(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ada"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(key, leaf, nil, "opensesame")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`<dict><key>PayloadType</key><string>com.apple.security.pkcs12</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>com.example.identity</string><key>PayloadUUID</key><string>identity</string>
<key>PayloadContent</key><data>%s</data></dict>`, base64.StdEncoding.EncodeToString(p12))
}

const certificate = `<key>AuthenticationMethod</key><string>Certificate</string><key>PayloadCertificateUUID</key><string>identity</string><key>LocalIdentifier</key><string>ada</string>`

func TestPrivateKeyWantsAKeychain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := r.file("cert.mobileconfig", mobileconfig("cert", certificate, identityPayload(t)))
	r.fails(nil, "import", file) // the certificate's password is missing
	r.keychain.absent = true
	r.person.will("opensesame")
	r.fails([]string{"private key", "no keychain answers", "nothing was changed"}, "import", file)
	if list := r.profiles(); len(list) != 0 {
		t.Errorf("stored %+v", list)
	}
	r.keychain.absent = false
	r.person.will("open", "opensesame")
	r.ok("import", file)
	if q := r.person.questions(); len(q) != 2 {
		t.Errorf("asked %q", q)
	}
	if out := r.ok("show", "cert"); !strings.Contains(out, "ada (until ") {
		t.Errorf("show: %s", out)
	}
}

func TestSamplesFromTheWild(t *testing.T) {
	t.Parallel()
	dir := profiletest.Samples(t)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			r := newRig(t)
			r.person.will()
			if r.run("import", f, "--yes") == 0 {
				if list := r.profiles(); len(list) == 0 {
					t.Error("imported, but nothing is stored")
				}
				return
			}
			last := strings.TrimSpace(r.err.String())
			if !strings.HasPrefix(last, "homewardctl: ") || strings.Count(last, "\n") != 0 || len(last) < 30 {
				t.Errorf("not one sentence: %q", last)
			}
			if list := r.profiles(); len(list) != 0 {
				t.Errorf("refused, but stored %+v", list)
			}
		})
	}
}

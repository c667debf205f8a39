package viewmodel

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/assets"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// inEveryLanguage runs a test once for each language.
func inEveryLanguage(t *testing.T, test func(t *testing.T, say Say)) {
	t.Helper()
	for _, language := range assets.Languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, speak(t, language))
		})
	}
}

var allKinds = []credential.Kind{
	credential.KindText, credential.KindPassword, credential.KindNewPassword, credential.KindCode, credential.KindPSK,
	credential.KindPIN, credential.KindPassphrase, credential.KindNewPassphrase, credential.KindChoice, credential.KindConsent, "nonsense",
}

var allTopics = []credential.Topic{credential.TopicSignIn, credential.TopicFurther, credential.TopicFile, credential.TopicCertificate, "nonsense"}

// aCertificate is one that ends at that time.
func aCertificate(t testing.TB, name string, end time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: end.AddDate(-1, 0, 0), NotAfter: end, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryPrompt(t *testing.T) {
	t.Parallel()
	valid, ended := aCertificate(t, "Alice Example", noon.AddDate(1, 0, 0)), aCertificate(t, "Alice Before", noon.AddDate(0, 0, -1))
	options := []credential.Option{
		{ID: "1", Label: "One", Detail: "the first"}, {ID: "2"},
		{ID: "3", Label: "Alice", Certificate: &credential.Identity{Leaf: valid, Card: "YubiKey"}}, {ID: "4", Certificate: &credential.Identity{Leaf: ended}},
	}
	inEveryLanguage(t, func(t *testing.T, say Say) {
		for _, kind := range allKinds {
			for _, topic := range allTopics {
				for i := range 32 {
					p := credential.Prompt{Kind: kind, Topic: topic, Text: "Homeward asks", Refused: i&1 != 0, Echo: i&2 != 0, Options: options}
					if i&4 != 0 {
						p.Profile, p.Gateway, p.Username, p.Subject = "Harbour Office", "gate.harbour.example", "anna", "YubiKey"
						p.Message, p.Speaker = "Welcome.\n\nToken 3?", "The gateway"
					}
					if i&8 != 0 {
						p.TriesLeft, p.Expires, p.KeptIn = 1+i%3, noon.Add(2*time.Minute), credential.ModeKeychain
					}
					if i&16 != 0 {
						p.Again, p.KeptIn = true, credential.ModePassphrase
					}
					v := PromptSheet(p, noon, say)
					name := fmt.Sprintf("%s %s %d", kind, topic, i)
					fit(t, name, v)
					if v.Title == "" || v.Submit == "" || v.Cancel == "" || v.Mismatch == "" || v.Why == "" {
						t.Errorf("%s is not whole: %+v", name, v)
					}
					asks := kind != credential.KindChoice && kind != credential.KindConsent
					if asks != (len(v.Fields) > 0) || (kind == credential.KindChoice) != (len(v.Options) == len(options)) {
						t.Errorf("%s cannot be answered: %+v", name, v)
					}
				}
			}
		}
	})
}

// files are what importers find.
func files(t testing.TB) []profile.Imported {
	t.Helper()
	ca := aCertificate(t, "Harbour CA", noon.AddDate(5, 0, 0)).Raw
	lines := []profile.Line{
		{Path: "IKEv2.RemoteAddress", Value: "gate.harbour.example", Verdict: profile.Honoured},
		{Path: "IKEv2.ProviderType", Verdict: profile.Ignored, Note: "not needed"},
		{Path: "IKEv2.Encryption", Value: "3DES", Verdict: profile.Refused, Note: "not safe"},
		{Path: "IKEv2.IntegrityAlgorithm", Value: "SHA1-96", Verdict: profile.Approximated, Lowers: true, Note: "SHA-1 is no longer safe"},
		{Path: "IKEv2.EnableFallback", Value: "1", Verdict: profile.Approximated, Lowers: true},
	}
	many := make([]profile.Line, 3000)
	for i := range many {
		many[i] = profile.Line{Path: fmt.Sprint("Key", i), Verdict: profile.Ignored, Lowers: true, Note: fmt.Sprint("note ", i)}
	}
	found := []profile.Imported{
		{Profile: profile.Profile{Name: "Harbour Office", Origin: profile.Origin{Organization: "Harbour Ltd", SignedBy: "Harbour IT", SignerTrusted: true, Description: "For all staff"},
			Gateway: profile.Gateway{Address: "gate.harbour.example", Anchors: [][]byte{ca}},
			Client:  profile.Client{Auth: profile.ClientMSCHAPv2, Username: "anna"}, Traffic: profile.Traffic{Full: true, KillSwitch: profile.KillSwitchOn},
			OnDemand: profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{{Action: profile.RuleConnect}, {Action: profile.RuleDisconnect, SSIDs: []string{"Office"}}}}}, Report: lines, Consent: "For work only."},
		{Profile: profile.Profile{Name: "Two", Origin: profile.Origin{SignedBy: "Somebody"}, Gateway: profile.Gateway{Anchors: [][]byte{ca, ca}},
			Client:  profile.Client{Auth: profile.ClientCertificate, Token: "pkcs11:", Further: []profile.SignIn{{Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPGTC}}}}},
			Traffic: profile.Traffic{Full: true, Exclude: prefixes("192.168.0.0/16")}, OnDemand: profile.OnDemand{When: profile.WhenBoot}}},
		{Profile: profile.Profile{Client: profile.Client{Auth: profile.ClientPSK}, Traffic: profile.Traffic{AcceptPushed: true}, Gateway: profile.Gateway{Anchors: [][]byte{{1}}}}, Report: many},
		{Profile: profile.Profile{Client: profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPTTLS, profile.EAPTLS, profile.EAPMD5}, Inner: []profile.InnerMethod{profile.InnerEAPGTC, profile.InnerPAP}}},
			Traffic: profile.Traffic{Include: prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24", "fd00::/8"), AcceptPushed: true}, OnDemand: profile.OnDemand{When: profile.WhenAlways}}},
		{Profile: profile.Profile{Client: profile.Client{Auth: "nonsense"}, Traffic: profile.Traffic{Include: prefixes("10.0.0.0/8")}, OnDemand: profile.OnDemand{When: profile.WhenLogin, Rules: make([]profile.Rule, 1)}}},
	}
	for i, r := range everyRule {
		found = append(found, profile.Imported{Profile: profile.Profile{Name: fmt.Sprint("Rule ", i), OnDemand: profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{r}}}})
	}
	return found
}

// everyRule is a rule of each kind.
var everyRule = []profile.Rule{
	{Action: profile.RuleConnect, Interface: profile.RuleWiFi},
	{Action: profile.RuleDisconnect, Interface: profile.RuleEthernet, DNSDomains: []string{"harbour.example"}},
	{Action: profile.RuleIgnore, Interface: profile.RuleCellular, DNSServers: []string{"10.1.*"}},
	{Action: profile.RuleEvaluate, ProbeURL: "https://probe.example/", Domains: []profile.DomainRule{{Domains: []string{"a.example", "b.example"}, Action: profile.DomainIfNeeded}}},
	{Action: profile.RuleEvaluate}, {Action: "nonsense", Interface: "nonsense", SSIDs: []string{"1", "2", "3", "4", "5"}},
}

func TestEveryFile(t *testing.T) {
	t.Parallel()
	found := files(t)
	inEveryLanguage(t, func(t *testing.T, say Say) {
		fit(t, "nothing", ImportSheet(Offer{}, say))
		for i := range found {
			o := Offer{Found: found[i : i+1], Now: noon}
			if i%2 == 1 {
				o.Replaces, o.Elsewhere = []string{"Old"}, []bool{i > 1}
			}
			v := ImportSheet(o, say)
			fit(t, fmt.Sprint(i), v)
			if v.Title == "" || v.Signed.Text == "" || v.Accept == "" || len(v.Connections) != 1 || (o.Replaces != nil) != (v.Connections[0].Replaces != "") {
				t.Errorf("%d: %+v", i, v)
			}
			for _, f := range v.Connections[0].Facts {
				if f.Name == "" || f.Value == "" {
					t.Errorf("%d: %+v", i, f)
				}
			}
		}
		fit(t, "all", ImportSheet(Offer{Found: found, Now: noon}, say))
	})
}

func TestEveryTrouble(t *testing.T) {
	t.Parallel()
	var errs []error
	for _, code := range []control.Code{
		control.CodeBadRequest, control.CodeForbidden, control.CodeNotFound, control.CodeConflict, control.CodeGone, control.CodeTooLarge,
		control.CodeVersion, control.CodeInternal, control.CodeUnavailable, "nonsense",
	} {
		errs = append(errs, control.Refuse(code, "another profile has that name; choose another"), control.Refuse(code, ""))
	}
	for _, reason := range []credential.KeychainReason{credential.KeychainAbsent, credential.KeychainLocked, credential.KeychainSilent, credential.KeychainBroken, "nonsense"} {
		errs = append(errs, &credential.KeychainError{Reason: reason, Err: errors.New("dbus")})
	}
	for _, problem := range []profile.ImportProblem{
		profile.ImportForeign, profile.ImportDamaged, profile.ImportEncrypted, profile.ImportAltered, profile.ImportUnsupported,
		profile.ImportIncomplete, profile.ImportExpired, profile.ImportTooLarge, profile.ImportPassword, "nonsense",
	} {
		errs = append(errs, profile.NewImportError(problem, "the file is %s", problem))
	}
	for _, cause := range diagnose.Causes() {
		errs = append(errs, &diagnose.Failure{Cause: cause, Seen: "x", Expected: "y"})
	}
	errs = append(errs, &control.NotRunningError{Path: "/run/x", Err: fs.ErrNotExist}, &control.ForeignSocketError{Path: "/run/x", Err: fs.ErrPermission}, &control.VersionError{Service: "2"},
		&control.LostError{Err: errors.New("eof")}, context.DeadlineExceeded, &profile.NameTakenError{Name: "Office"}, credential.ErrKeepsNothing,
		credential.ErrWrongPassphrase, credential.ErrBusy, credential.ErrNoCards, fs.ErrNotExist, fs.ErrPermission, errors.New("something\nelse"))
	inEveryLanguage(t, func(t *testing.T, say Say) {
		for _, err := range errs {
			v := ImportProblem("office.mobileconfig", fmt.Errorf("it failed: %w", err), say)
			fit(t, err.Error(), v)
			if v.Title == "" || v.Sentence == "" || v.Close == "" || (v.Show == "") != (v.Detail == "") {
				t.Errorf("%v: %+v", err, v)
			}
			in := with(ready(), func(in *Input) { in.Trouble = err })
			if m := Main(in, say); len(m.Notices) != 1 || m.Notices[0].Kind != NoticeTrouble || m.Notices[0].Text == "" {
				t.Errorf("%v: %+v", err, m.Notices)
			}
		}
	})
}

func TestEveryOtherSheet(t *testing.T) {
	t.Parallel()
	var entries []control.LogEntry
	for i, level := range []string{"DEBUG", "INFO", "WARN", "ERROR", "", "nonsense"} {
		entries = append(entries, control.LogEntry{Time: noon.AddDate(0, 0, -i), Level: level, Message: "A line\nwas made", Attrs: "profile=office"})
	}
	inEveryLanguage(t, func(t *testing.T, say Say) {
		fit(t, "remove", ConfirmRemove(harbour, say))
		fit(t, "lockdown", ConfirmLockdown(say))
		fit(t, "rename", AskRename(harbour, say))
		fit(t, "export", AskExport(harbour, say))
		for _, level := range []string{"", "INFO", "WARN", "ERROR", "nonsense"} {
			fit(t, level, Log(entries, LogFilter{Level: level, Text: "line"}, noon, say))
		}
		fit(t, "no log", Log(nil, LogFilter{}, noon, say))
		fit(t, "portal", PortalSheet(control.Portal{URL: "http://login.example/"}, nil, noon, say))
		for _, ended := range []string{"", control.SignInDone, control.SignInTime, control.SignInClosed, control.SignInRemoved, "nonsense"} {
			v := PortalSheet(control.Portal{}, &control.PortalSignIn{URL: "http://x.example/", Until: noon.Add(9 * time.Minute), Ended: ended}, noon, say)
			fit(t, ended, v)
			if v.Sentence == "" || v.Close == "" {
				t.Errorf("%q: %+v", ended, v)
			}
		}
	})
}

func TestEveryForm(t *testing.T) {
	t.Parallel()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: aCertificate(t, "Harbour CA", noon).Raw})
	inEveryLanguage(t, func(t *testing.T, say Say) {
		base := profile.Profile{Version: 1, ID: harbour.ID, Name: "Office", Gateway: profile.Gateway{Address: "a.example", Auth: profile.GatewayCertificate},
			Client:  profile.Client{Auth: profile.ClientCertificate, Further: []profile.SignIn{{Auth: profile.ClientMSCHAPv2}}},
			Traffic: profile.Traffic{Full: true}, OnDemand: profile.OnDemand{When: profile.WhenBoot, Rules: make([]profile.Rule, 1)}}
		for name, d := range map[string]Draft{"new": NewDraft(harbour.ID, []control.ProfileInfo{branch}), "edit": Edit(&base, []string{"gateway"}, "", nil), "managed": Edit(&base, []string{"name"}, "Harbour IT", nil)} {
			fit(t, name, Editor(d, say))
			for _, r := range formRules {
				values := []string{"", "Harbour", "10.0.0.0/8\nnonsense", "com", "https://x/", branch.Name, "-", string(ca), strings.Repeat("x", 2000), "fe80::1%eth0", "0.0.0.0/0", "192.0.2.1"}
				if r.options != nil {
					values = append(values, r.options(d)...)
				}
				for _, value := range values {
					v := Editor(d.With(r.id, value), say)
					fit(t, fmt.Sprintf("%s %s %.20q", name, r.id, value), v)
					for _, g := range v.Groups {
						for _, f := range g.Fields {
							if f.Label == "" || f.Kind == FieldChoice && len(f.Options) < 2 {
								t.Errorf("%s: %+v", name, f)
							}
						}
					}
				}
			}
		}
	})
}

func TestPrefixesOfAddresses(t *testing.T) {
	t.Parallel()
	d := NewDraft(harbour.ID, nil).With(FieldName, "x").With(FieldAddress, "a.example").With(FieldThrough, throughOnly).With(FieldInclude, "10.1.2.3/8, fd00::1")
	p, ok := d.Profile()
	if !ok || len(p.Traffic.Include) != 2 || p.Traffic.Include[0] != netip.MustParsePrefix("10.0.0.0/8") || p.Traffic.Include[1].Bits() != 128 || p.Traffic.Full {
		t.Errorf("%v %+v", ok, p)
	}
}

package mobileconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// sa writes an SA dictionary.
func sa(encryption, integrity string, group any) dict {
	return dict{"EncryptionAlgorithm": encryption, "IntegrityAlgorithm": integrity, "DiffieHellmanGroup": group}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	gcm := profile.Proposal{Encryption: "aes256gcm16", PRF: "sha384", Group: "ecp384"}
	for name, c := range map[string]struct {
		ike, child any
		pfs        bool
		wantIKE    *profile.Proposal
		wantChild  *profile.Proposal
	}{
		"none": {},
		"AEAD": {ike: sa("AES-256-GCM", "SHA2-384", 20), child: sa("AES-256-GCM", "SHA2-384", 20), pfs: true,
			wantIKE: &gcm, wantChild: &profile.Proposal{Encryption: "aes256gcm16", Group: "ecp384"}},
		"without PFS": {ike: sa("AES-256-GCM", "SHA2-384", 20), child: sa("AES-256-GCM", "SHA2-384", 20),
			wantIKE: &gcm, wantChild: &profile.Proposal{Encryption: "aes256gcm16"}},
		"child as IKE": {ike: sa("AES-128", "SHA2-256", "14"), pfs: true,
			wantIKE:   &profile.Proposal{Encryption: "aes128", Integrity: "sha256", PRF: "sha256", Group: "modp2048"},
			wantChild: &profile.Proposal{Encryption: "aes128", Integrity: "sha256", Group: "modp2048"}},
		"child alone": {child: sa("ChaCha20Poly1305", "SHA2-256", 31), wantChild: &profile.Proposal{Encryption: "chacha20poly1305"}},
		"empty dictionaries": {ike: dict{}, child: dict{},
			wantIKE:   &profile.Proposal{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "modp2048"},
			wantChild: &profile.Proposal{Encryption: "aes256", Integrity: "sha256"}},
		"AEAD child without integrity": {child: dict{"EncryptionAlgorithm": "AES-128-GCM"}, wantChild: &profile.Proposal{Encryption: "aes128gcm16"}},
		"other groups":                 {ike: sa("AES-128-GCM", "SHA2-512", 31), wantIKE: &profile.Proposal{Encryption: "aes128gcm16", PRF: "sha512", Group: "x25519"}, wantChild: &profile.Proposal{Encryption: "aes128gcm16"}},
		"legacy cipher": {ike: sa("3DES", "SHA2-256", 14), child: sa("DES", "SHA2-256", 14),
			wantIKE: &profile.Proposal{Encryption: "3des", Integrity: "sha256", PRF: "sha256", Group: "modp2048"}},
		"legacy hash": {ike: sa("AES-256-GCM", "SHA1-96", 14), child: sa("AES-256", "SHA1-160", 14),
			wantIKE: &profile.Proposal{Encryption: "aes256gcm16", PRF: "sha1", Group: "modp2048"}},
		"broken cipher":         {ike: sa("DES", "SHA2-256", 14), child: sa("DES", "SHA2-256", 14)},
		"broken hash":           {ike: sa("AES-256", "MD5", 14), child: sa("AES-256", "RIPEMD160", 14)},
		"broken group":          {ike: sa("AES-256", "SHA2-256", 22), child: sa("AES-256", "SHA2-256", 1), pfs: true},
		"weak hash, AEAD child": {child: sa("AES-256-GCM", "SHA1-96", 14), wantChild: &profile.Proposal{Encryption: "aes256gcm16"}},
		"legacy group": {ike: sa("AES-256", "SHA2-256", 2), child: sa("AES-256", "SHA2-256", 5), pfs: true,
			wantIKE:   &profile.Proposal{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "modp1024"},
			wantChild: &profile.Proposal{Encryption: "aes256", Integrity: "sha256", Group: "modp1536"}},
		"weak group, no PFS": {child: sa("AES-256", "SHA2-256", 1), wantChild: &profile.Proposal{Encryption: "aes256", Integrity: "sha256"}},
		"group not offered":  {ike: sa("AES-256", "SHA2-256", 99)},
		"unknown cipher":     {ike: sa("Camellia", "SHA2-256", 14)},
		"group no number":    {ike: sa("AES-256", "SHA2-256", "many")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ike := ikeEAP(dict{"EnablePFS": c.pfs})
			if c.ike != nil {
				ike[ikeParameters] = c.ike
			}
			if c.child != nil {
				ike[childParameters] = c.child
			}
			p := parseIKE(t, ike).Profile
			checkProposals(t, "IKE", p.IKE, c.wantIKE)
			if name == "group not offered" || name == "unknown cipher" || name == "group no number" {
				return // the child takes what is usable of the IKE SA's
			}
			checkProposals(t, "child", p.Child, c.wantChild)
		})
	}
}

func checkProposals(t *testing.T, which string, got profile.SA, want *profile.Proposal) {
	t.Helper()
	switch {
	case want == nil && len(got.Proposals) != 0:
		t.Errorf("%s: %+v, want our own set", which, got.Proposals)
	case want != nil && (len(got.Proposals) != 1 || got.Proposals[0] != *want):
		t.Errorf("%s: %+v, want %+v", which, got.Proposals, *want)
	case got.Strict:
		t.Errorf("%s is strict", which)
	case got.Legacy != (want != nil && want.Legacy()):
		t.Errorf("%s: legacy is %t", which, got.Legacy)
	}
}

// TestWeakIsTold names a broken one as refused and says what happens instead;
// one that is no longer safe wants a yes.
func TestWeakIsTold(t *testing.T) {
	t.Parallel()
	prefix := "IKEv2." + ikeParameters + "."
	im := parseIKE(t, ikeEAP(dict{ikeParameters: sa("DES", "MD5", 2)}))
	for _, key := range []string{"EncryptionAlgorithm", "IntegrityAlgorithm"} {
		if l := wantVerdict(t, im, prefix+key, profile.Refused); !strings.Contains(l.Note, "not safe, and never offered") || l.Lowers {
			t.Errorf("%+v", l)
		}
	}
	if l := wantVerdict(t, im, prefix+"DiffieHellmanGroup", profile.Approximated); l.Lowers {
		t.Errorf("what is not taken over lowers nothing: %+v", l)
	}

	im = parseIKE(t, ikeEAP(dict{ikeParameters: sa("3DES", "SHA2-256", 2)}))
	for _, key := range []string{"EncryptionAlgorithm", "DiffieHellmanGroup"} {
		if l := wantVerdict(t, im, prefix+key, profile.Approximated); !l.Lowers || !strings.Contains(l.Note, "no longer safe") {
			t.Errorf("%+v", l)
		}
	}
	if l := wantVerdict(t, im, prefix+"IntegrityAlgorithm", profile.Honoured); l.Lowers {
		t.Errorf("%+v", l)
	}
	if err := im.Profile.Validate(); err != nil {
		t.Error(err)
	}
}

func TestStrict(t *testing.T) {
	t.Parallel()
	strict := func(ike, child dict) dict {
		return ikeEAP(dict{"EnforceStrictAlgorithmSelection": 1, ikeParameters: ike, childParameters: child})
	}
	p := parseIKE(t, strict(sa("AES-256-GCM", "SHA2-384", 20), sa("AES-256-GCM", "SHA2-384", 20))).Profile
	if !p.IKE.Strict || !p.Child.Strict {
		t.Error("a strict profile is not strict")
	}
	refusedIKE(t, strict(sa("3DES", "SHA2-384", 20), sa("AES-256", "SHA2-384", 20)), profile.ImportUnsupported, `"3DES"`)
	refusedIKE(t, strict(sa("AES-256", "SHA2-384", 2), sa("AES-256", "SHA2-384", 20)), profile.ImportUnsupported, `"2"`)
	refusedIKE(t, strict(sa("AES-128", "SHA2-384", 20), sa("AES-256", "SHA2-384", 20)), profile.ImportUnsupported, "more strongly")
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minutes any
		want    time.Duration
		verdict profile.Verdict
	}{
		{60, time.Hour, profile.Honoured},
		{"1440", 24 * time.Hour, profile.Honoured},
		{1, 10 * time.Minute, profile.Approximated},
		{-7, 10 * time.Minute, profile.Approximated},
		{1 << 40, 24 * time.Hour, profile.Approximated},
		{"soon", 0, profile.Refused},
	} {
		im := parseIKE(t, ikeEAP(dict{ikeParameters: dict{"LifeTimeInMinutes": c.minutes}, childParameters: dict{"LifeTimeInMinutes": c.minutes}}))
		if got := time.Duration(im.Profile.IKE.Lifetime); got != c.want {
			t.Errorf("%v minutes became %v, want %v", c.minutes, got, c.want)
		}
		if got := time.Duration(im.Profile.Child.Lifetime); got != c.want {
			t.Errorf("%v minutes of the child became %v, want %v", c.minutes, got, c.want)
		}
		wantVerdict(t, im, "IKEv2."+ikeParameters+".LifeTimeInMinutes", c.verdict)
	}
}

func TestPostQuantum(t *testing.T) {
	t.Parallel()
	methods := func(fallback int, m ...any) dict {
		d := sa("AES-256-GCM", "SHA2-384", 20)
		d["PostQuantumKeyExchangeMethods"] = list(m)
		return ikeEAP(dict{ikeParameters: d, "AllowPostQuantumKeyExchangeFallback": fallback})
	}
	for name, c := range map[string]struct {
		ike    dict
		group  string
		strict bool
	}{
		"one":       {methods(0, 36), "ecp384-ke1_mlkem768", true},
		"optional":  {methods(1, 36, 37), "ecp384-ke1_mlkem768-ke1_none-ke2_mlkem1024-ke2_none", false},
		"second":    {methods(0, 0, 37), "ecp384-ke2_mlkem1024", true},
		"one alone": {methods(0, 36, 0), "ecp384-ke1_mlkem768", true},
		"none":      {methods(0), "ecp384", false},
		"as a text": {methods(0, "36"), "ecp384-ke1_mlkem768", true},
		"not known": {methods(1, 35), "ecp384", false},
	} {
		im := parseIKE(t, c.ike)
		sa := im.Profile.IKE
		if len(sa.Proposals) != 1 || sa.Proposals[0].Group != c.group || sa.Strict != c.strict {
			t.Errorf("%s: %+v", name, sa)
		}
		if child := im.Profile.Child; child.Strict || child.Proposals[0].Group != "" {
			t.Errorf("%s: without PFS the child has %+v", name, child)
		}
		want := profile.Honoured
		if name == "not known" {
			want = profile.Refused
		}
		wantVerdict(t, im, "IKEv2."+ikeParameters+".PostQuantumKeyExchangeMethods", want)
		roundTrip(t, im)
	}
	pfs := methods(0, 36)
	pfs["EnablePFS"] = 1
	if child := parseIKE(t, pfs).Profile.Child; !child.Strict || child.Proposals[0].Group != "ecp384-ke1_mlkem768" {
		t.Errorf("with PFS the child has %+v", child)
	}
	refusedIKE(t, methods(0, 35), profile.ImportUnsupported, "post-quantum key exchange (35)")
	refusedIKE(t, methods(0, 36, 36, 36, 36, 36, 36, 36, 36), profile.ImportUnsupported, "post-quantum key exchange (36)")
	weak := methods(0, 36)
	weak[ikeParameters].(dict)["EncryptionAlgorithm"] = "DES"
	refusedIKE(t, weak, profile.ImportUnsupported, "beside algorithms")

	ppk := func(mandatory any) dict {
		d := ikeEAP(dict{"PPK": []byte("secret quantum key"), "PPKIdentifier": "ppk-alice"})
		if mandatory != nil {
			d["PPKMandatory"] = mandatory
		}
		return d
	}
	refusedIKE(t, ppk(nil), profile.ImportUnsupported, "RFC 8784")
	refusedIKE(t, ppk(1), profile.ImportUnsupported, "RFC 8784")
	im := parseIKE(t, ppk(0))
	if l := wantVerdict(t, im, "IKEv2.PPK", profile.Refused); l.Value != hidden {
		t.Errorf("the report shows %q", l.Value)
	}
}

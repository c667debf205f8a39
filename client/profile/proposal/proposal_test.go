package proposal

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestParse: what each text offers, in its order, and what is left out.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		p       Protocol
		want    string // as Format writes it
		leftOut string // words of the reasons
		strict  bool
		own     bool
	}{
		{text: "aes256-sha256-modp2048", want: "aes256-sha256-modp2048"},
		{text: "  AES256-SHA256-MODP2048 , aes128gcm16-prfsha256-ecp256 ", want: "aes256-sha256-modp2048,aes128gcm16-prfsha256-ecp256"},
		{text: "aes256gcm16-prfsha512-ecp384!", want: "aes256gcm16-prfsha512-ecp384", strict: true},
		{text: "aes128-sha256-x25519,default", want: "aes128-sha256-x25519", own: true},
		{text: "default", own: true},
		{text: "", want: ""},
		// Old spellings.
		{text: "aes-sha-modp1024", want: "aes128-sha1-modp1024"},
		{text: "aes128-sha2_512-prfsha512-ecp256;aes128-sha2_384-prfsha384-ecp256", want: "aes128-sha512-ecp256,aes128-sha384-ecp256"},
		{text: "aes256gcm128-sha2_256-curve25519", want: "aes256gcm16-prfsha256-x25519"},
		{text: "aes192ccm96-prfsha384-curve448", want: "aes192ccm12-prfsha384-x448"},
		{text: "aes256gcm64-prfaesxcbc-ecp521", want: "aes256gcm8-prfaesxcbc-ecp521"},
		{text: "aes128gcm-ecp256", p: ESP, want: "aes128gcm16-ecp256"},
		// Several words of one kind are all combinations; the function goes with its integrity.
		{text: "aes256-aes128-sha256-sha384-modp2048-ecp256", want: "aes256-sha256-modp2048,aes256-sha256-ecp256,aes256-sha384-modp2048,aes256-sha384-ecp256," +
			"aes128-sha256-modp2048,aes128-sha256-ecp256,aes128-sha384-modp2048,aes128-sha384-ecp256"},
		{text: "aes256-sha256-sha384-prfsha512-x25519", want: "aes256-sha256-prfsha512-x25519,aes256-sha384-prfsha512-x25519"},
		{text: "aes256gcm16-aes256-sha256-x25519", want: "aes256gcm16-prfsha256-x25519,aes256-sha256-x25519"},
		// Additional key exchanges stay with every group.
		{text: "aes256gcm16-prfsha384-x25519-ecp384-ke1_mlkem768-ke1_none", want: "aes256gcm16-prfsha384-x25519-ke1_mlkem768-ke1_none,aes256gcm16-prfsha384-ecp384-ke1_mlkem768-ke1_none"},
		{text: "aes256gcm16-x25519-ke1_mlkem1024-ke2_curve448", p: ESP, want: "aes256gcm16-x25519-ke1_mlkem1024-ke2_x448"},
		{text: "aes256-sha256-x25519-ke1_hqc3,aes256-sha256-x25519", want: "aes256-sha256-x25519", leftOut: "ke1_hqc3 is not offered"},
		{text: "aes256-sha256-mlkem768", leftOut: "mlkem768 is too long"},
		// ESP.
		{text: "aes128-sha256", p: ESP, want: "aes128-sha256"},
		{text: "aes128-sha256-modp2048-modpnone-noesn", p: ESP, want: "aes128-sha256-modp2048,aes128-sha256"},
		{text: "aes128gcm16-ecp256;aes128-sha2_512-prfsha512-ecp256", p: ESP, want: "aes128gcm16-ecp256,aes128-sha512-ecp256"},
		{text: "null-sha256", p: ESP, want: "null-sha256"},
		{text: "aes256gmac-esn", p: ESP, want: "aes256gmac"},
		// What is not offered.
		{text: "null-sha256-modp2048", leftOut: "it does not encrypt"},
		{text: "des-md5-modp768", leftOut: "des (not safe"},
		{text: "aes256-md5-sha256-modp768-modp2048", want: "aes256-sha256-modp2048", leftOut: "md5 (not safe, and never offered), modp768 (not safe"},
		{text: "camellia256-aes256-sha256-ecp256bp-ecp256", want: "aes256-sha256-ecp256", leftOut: "camellia256 (not offered by this version)"},
		{text: "aes256-sha256-ecp256bp", p: ESP, leftOut: "it names no group that can be offered"},
		{text: "aes256-sha256-turtle, aes128-sha256-ecp256", want: "aes128-sha256-ecp256", leftOut: "aes256-sha256-turtle (turtle is not known to this version)"},
		{text: "sha256-modp2048", leftOut: "no encryption"},
		{text: "aes256-modp2048", leftOut: "nothing that protects integrity"},
		{text: "aes256gcm16-modp2048", leftOut: "nothing that protects integrity"},
		{text: "aes256gcm16-prfmd5-sha256-modp2048", leftOut: "prfmd5 (not safe"},
		{text: "aes256-sha256", leftOut: "no group"},
		{text: "aes256-sha256-none", leftOut: "no group"},
	} {
		l := Parse(c.text, c.p)
		if got := Format(l.Proposals); got != c.want || l.Strict != c.strict || l.Own != c.own {
			t.Errorf("%q: %q, strict %v, own %v; want %q", c.text, got, l.Strict, l.Own, c.want)
		}
		if reasons := l.reasons(); !strings.Contains(reasons, c.leftOut) || (c.leftOut == "") != (reasons == "") {
			t.Errorf("%q: left out %q, want %q", c.text, reasons, c.leftOut)
		}
		if again := Parse(Format(l.Proposals), c.p); Format(again.Proposals) != c.want || again.LeftOut != nil {
			t.Errorf("%q: %q is read as %q", c.text, c.want, Format(again.Proposals))
		}
	}
}

// TestEveryKeyword: each word of a profile is known here by the same name.
func TestEveryKeyword(t *testing.T) {
	t.Parallel()
	for _, enc := range profile.EncryptionKeywords() {
		text := enc + "-sha256"
		if aead(enc) {
			text = enc
		}
		if l := Parse(text, ESP); Format(l.Proposals) != text {
			t.Errorf("%s: %+v", text, l)
		}
	}
	for _, hash := range profile.HashKeywords() {
		for _, text := range []string{"aes256-" + hash + "-x25519", "aes256gcm16-prf" + hash + "-x25519"} {
			if l := Parse(text, IKE); Format(l.Proposals) != text {
				t.Errorf("%s: %+v", text, l)
			}
		}
	}
	for _, g := range profile.GroupKeywords() {
		text := "aes256-sha256-" + g
		if l := Parse(text, IKE); Format(l.Proposals) != text {
			t.Errorf("%s: %+v", text, l)
		}
	}
	for w, known := range words {
		if (known.as == "") == (known.reason == "") {
			t.Errorf("%s: %+v", w, known)
		}
	}
}

// TestUse: what a list makes of a profile, and what the report says of it.
func TestUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		p       Protocol
		strict  bool
		want    profile.SA
		verdict profile.Verdict
		note    string
		lowers  bool
	}{
		{text: "aes256-sha256-ecp256", strict: true, verdict: profile.Honoured,
			want: profile.SA{Strict: true, Proposals: []profile.Proposal{{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "ecp256"}}}},
		{text: "aes256-sha256-ecp256", verdict: profile.Honoured, note: "own set follows",
			want: profile.SA{Proposals: []profile.Proposal{{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "ecp256"}}}},
		{text: "aes256-sha256-ecp256,default", strict: true, verdict: profile.Honoured, note: "own set follows",
			want: profile.SA{Proposals: []profile.Proposal{{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "ecp256"}}}},
		{text: "3des-sha1-modp1024", strict: true, verdict: profile.Approximated, note: "no longer safe", lowers: true,
			want: profile.SA{Strict: true, Legacy: true, Proposals: []profile.Proposal{{Encryption: "3des", Integrity: "sha1", PRF: "sha1", Group: "modp1024"}}}},
		{text: "des-md5-modp768", strict: true, verdict: profile.Refused, note: "own set is offered instead; left out: des"},
		{text: "default", strict: true, verdict: profile.Approximated, note: "own set is offered"},
		{text: "aes128gcm16-x25519", p: ESP, strict: true, verdict: profile.Honoured,
			want: profile.SA{Strict: true, PFS: true, Proposals: []profile.Proposal{{Encryption: "aes128gcm16", Group: "x25519"}}}},
		{text: "aes128gcm16-x25519,aes128gcm16", p: ESP, strict: true, verdict: profile.Honoured,
			want: profile.SA{Strict: true, Proposals: []profile.Proposal{{Encryption: "aes128gcm16", Group: "x25519"}, {Encryption: "aes128gcm16"}}}},
		{text: "null-sha256", p: ESP, strict: true, verdict: profile.Honoured, note: "nothing is encrypted", lowers: true,
			want: profile.SA{Strict: true, Proposals: []profile.Proposal{{Encryption: "null", Integrity: "sha256"}}}},
		{text: "null-sha256,aes128gcm16", p: ESP, verdict: profile.Approximated, note: "what does not encrypt is left out",
			want: profile.SA{Proposals: []profile.Proposal{{Encryption: "aes128gcm16"}}}},
		{text: "null-sha256", p: ESP, verdict: profile.Refused, note: "what does not encrypt is left out"},
	} {
		var sa profile.SA
		l := Parse(c.text, c.p)
		l.Use(&sa, c.strict)
		if len(sa.Proposals) == 0 {
			sa.Proposals = nil
		}
		if Format(sa.Proposals) != Format(c.want.Proposals) || sa.Strict != c.want.Strict || sa.Legacy != c.want.Legacy || sa.PFS != c.want.PFS {
			t.Errorf("%s: %+v", c.text, sa)
		}
		verdict, note, lowers := l.Told(&sa)
		if verdict != c.verdict || !strings.Contains(note, c.note) || lowers != c.lowers {
			t.Errorf("%s: %s %q, lowers %v", c.text, verdict, note, lowers)
		}
	}
}

// TestTooMany: a text of very many combinations is cut, and then the program's own
// set follows whatever was said: what the gateway wants may be among the rest.
func TestTooMany(t *testing.T) {
	t.Parallel()
	l := Parse("aes128-aes192-aes256-sha256-sha384-sha512-modp2048-modp3072-ecp256-ecp384", IKE)
	var sa profile.SA
	l.Use(&sa, true)
	_, note, _ := l.Told(&sa)
	if len(sa.Proposals) != maxProposals || sa.Strict || !strings.Contains(note, "20 more combinations, after the first 16") {
		t.Errorf("%d proposals, strict %v, %q", len(sa.Proposals), sa.Strict, note)
	}
	p := profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: "n", IKE: sa, Traffic: profile.Traffic{Full: true},
		Gateway: profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayPSK}, Client: profile.Client{Auth: profile.ClientPSK},
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzParse: whatever is read can be written and read again, and is what a profile
// takes.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"aes256-sha256-modp2048!", "aes128-aes256-sha2_512-prfsha512-ecp256-x25519-ke1_mlkem768-ke1_none;default",
		"null-sha1", "3des-md5-modp1024", "aes256gcm128-curve25519-noesn", "-,-!,ke1_", "camellia256-sha256_96-ecp256bp",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, esp bool) {
		p := IKE
		if esp {
			p = ESP
		}
		l := Parse(text, p)
		again := Parse(Format(l.Proposals), p)
		if Format(again.Proposals) != Format(l.Proposals) || again.LeftOut != nil {
			t.Fatalf("%q: %q, then %q %+v", text, Format(l.Proposals), Format(again.Proposals), again.LeftOut)
		}
		for _, strict := range []bool{false, true} {
			model := profile.Profile{
				Version: profile.Version, ID: profile.NewID(), Name: "n", Traffic: profile.Traffic{Full: true},
				Gateway: profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayPSK}, Client: profile.Client{Auth: profile.ClientPSK},
			}
			sa := &model.IKE
			if esp {
				sa = &model.Child
			}
			l.Use(sa, strict)
			if err := model.Validate(); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if _, note, _ := l.Told(sa); profile.CleanText(note, 1<<20) != note {
				t.Fatalf("%q: the note %q cannot be shown", text, note)
			}
		}
	})
}

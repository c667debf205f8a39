package diagnose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestCausesListsEveryConstant(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	written := map[Cause]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			written[Cause(text)] = true
		}
		return true
	})
	listed := map[Cause]bool{}
	for _, c := range Causes() {
		if listed[c] {
			t.Errorf("%q is listed twice", c)
		}
		listed[c] = true
		if !written[c] {
			t.Errorf("%q is listed but is no constant", c)
		}
	}
	for c := range written {
		if !listed[c] {
			t.Errorf("%q is a constant but is not listed", c)
		}
	}
}

func TestEveryCauseHasItsOwnSentence(t *testing.T) {
	t.Parallel()
	seen := map[string]Cause{}
	for _, c := range Causes() {
		for _, f := range []*Failure{
			{Cause: c},
			{Cause: c, Seen: "vpn.example.org", Expected: "vpn.example.com", When: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)},
		} {
			s := f.Sentence()
			checkSentence(t, s)
			if other, ok := seen[s]; ok && other != c {
				t.Errorf("%s and %s say the same: %s", c, other, s)
			}
			seen[s] = c
		}
	}
}

func checkSentence(t *testing.T, s string) {
	t.Helper()
	switch {
	case !strings.HasSuffix(s, "."):
		t.Errorf("no full stop at the end: %q", s)
	case strings.Contains(s, ". "):
		t.Errorf("more than one sentence: %q", s)
	case strings.ContainsAny(s, "!\n\r\t"):
		t.Errorf("exclamation mark or line break: %q", s)
	case strings.Contains(s, "  ") || strings.Contains(s, "()") || strings.Contains(s, "«»"):
		t.Errorf("a hole where a name should be: %q", s)
	case !unicode.IsUpper([]rune(s)[0]):
		t.Errorf("no capital at the start: %q", s)
	}
}

func TestSentenceNamesWhatWasSeen(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		failure Failure
		want    string
	}{
		{Failure{Cause: CauseGatewayWrongName, Seen: "vpn.example.org", Expected: "vpn.example.com"}, "certificate is for vpn.example.org, but the profile expects vpn.example.com"},
		{Failure{Cause: CauseGatewayIdentity, Seen: "a.example", Expected: "b.example"}, "calls itself a.example, but the profile expects b.example"},
		{Failure{Cause: CauseGatewayIssuer, Seen: "Old CA", Expected: "New CA"}, "issued by Old CA, but the profile expects New CA"},
		{Failure{Cause: CauseGatewayUntrusted, Seen: "Evil CA"}, "issued by Evil CA"},
		{Failure{Cause: CauseGatewayExpired, When: day}, "expired on 4 March 2026"},
		{Failure{Cause: CauseGatewayExpired, Seen: `"Office CA"`, When: day}, `The certificate of "Office CA", which vouches for the gateway's, has expired on 4 March 2026`},
		{Failure{Cause: CauseGatewayNotYetValid, When: day}, "only from 4 March 2026"},
		{Failure{Cause: CauseCertificateExpired, When: day}, "expired on 4 March 2026"},
		{Failure{Cause: CauseCertificateRefused, Seen: "it has been revoked"}, "does not take your certificate (it has been revoked)"},
		{Failure{Cause: CauseServerTLS, Seen: "no common version of TLS"}, "(no common version of TLS)"},
		{Failure{Cause: CauseGatewaySilent, Expected: "vpn.example.com"}, "The gateway vpn.example.com does not answer"},
		{Failure{Cause: CauseNameNotFound, Expected: "vpn.example.com"}, "vpn.example.com cannot be found"},
		{Failure{Cause: CauseWrongPassword, Seen: "E=691 R=1"}, "says «E=691 R=1»"},
		{Failure{Cause: CauseEAPMethod, Seen: "EAP-GTC"}, "(EAP-GTC)"},
		{Failure{Cause: CauseNoCommonProposal, Seen: "DES"}, "wants what is not safe (DES)"},
		{Failure{Cause: CauseCredentialsMissing, Expected: "private key"}, "The private key that this profile needs"},
	}
	for _, tt := range tests {
		t.Run(string(tt.failure.Cause), func(t *testing.T) {
			t.Parallel()
			if s := tt.failure.Sentence(); !strings.Contains(s, tt.want) {
				t.Errorf("%q does not contain %q", s, tt.want)
			}
		})
	}
}

func TestHostileTextStaysOnOneLine(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"\x1b[2J\x1b[1;1HConnected", "a\r\nb", "a\u202egpj.exe", "a\u2028b", "\xff\xfe\xfd",
		strings.Repeat("long.example ", 10000), "\x00", " ",
	}
	for _, h := range hostile {
		for _, c := range Causes() {
			s := (&Failure{Cause: c, Seen: h, Expected: h}).Sentence()
			checkSentence(t, s)
			if n := utf8.RuneCountInString(s); n > 2*nameLimit+300 {
				t.Errorf("%s: a sentence of %d characters", c, n)
			}
			for _, r := range s {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
					t.Errorf("%s: %q passes %U", c, s, r)
				}
			}
		}
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	known := &Failure{Cause: CauseRejected}
	odd := errors.New("odd")
	tests := []struct {
		name string
		err  error
		want Cause
	}{
		{"a failure", known, CauseRejected},
		{"a wrapped failure", fmt.Errorf("tunnel: %w", known), CauseRejected},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), CauseCancelled},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), CauseTimeout},
		{"anything else", odd, CauseInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := From(tt.err)
			if f.Cause != tt.want {
				t.Errorf("cause %q, want %q", f.Cause, tt.want)
			}
		})
	}
	if From(nil) != nil {
		t.Error("From(nil) is not nil")
	}
	if !errors.Is(From(odd), odd) {
		t.Error("the underlying error is lost")
	}
}

func TestWrongPasswordIsLasting(t *testing.T) {
	t.Parallel()
	// Repeating a refused password locks accounts; repeating a lost line heals it.
	for c, want := range map[Cause]bool{
		CauseWrongPassword: false, CauseRejected: false, CauseGatewayWrongName: false,
		CauseCancelled: false, CauseInternal: false, CausePolicyFailed: false,
		CauseAccountLocked: false, CausePasswordExpired: false, CausePasswordRefused: false, CauseWrongCode: false,
		CausePINWrong: false, CauseUnanswered: false, CauseCredentialsMissing: false,
		CauseLineLost: true, CauseClosedByGateway: true, CauseNoNetwork: true, CauseGatewaySilent: true,
		CauseSignInSilent: true,
	} {
		if got := c.Passing(); got != want {
			t.Errorf("%s: passing is %v", c, got)
		}
	}
}

// What was refused is a lasting cause: nothing repeats it by itself.
func TestRefusedIsLasting(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, c := range Causes() {
		if c.Refused() {
			refused++
			if c.Passing() {
				t.Errorf("%s is refused and tried again", c)
			}
		}
	}
	if refused != 6 || !CauseWrongPassword.Refused() || CauseSignInSilent.Refused() {
		t.Errorf("%d causes are refusals", refused)
	}
}

// TestQuotationStaysOne: what a server says cannot end the quotation that it stands in,
// and go on in words that seem to be Homeward's.
func TestQuotationStaysOne(t *testing.T) {
	t.Parallel()
	for _, c := range Causes() {
		s := (&Failure{Cause: c, Seen: "no»; sign in at https://example.net instead («today"}).Sentence()
		if quoted := strings.Contains(s, " says «"); quoted && (strings.Count(s, "«") != 1 || strings.Count(s, "»") != 1) {
			t.Errorf("%s: %s", c, s)
		}
	}
	if s := Quotable("no” and “yes"); s != "no' and 'yes" {
		t.Errorf("%q", s)
	}
}

func TestLogValueIsCleaned(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := &Failure{Cause: CauseRejected, Seen: "a\nb", Detail: "AUTHENTICATION_FAILED", Err: errors.New("c\x1b[0m")}
	slog.New(slog.NewTextHandler(&out, nil)).Info("line ended", "failure", f)
	for _, want := range []string{"failure.cause=rejected", `failure.seen="a b"`, "failure.detail=AUTHENTICATION_FAILED"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out.String(), want)
		}
	}
	if strings.Contains(f.Error(), "\x1b") {
		t.Errorf("Error passes an escape: %q", f.Error())
	}
}

func FuzzSentence(f *testing.F) {
	f.Add("gateway-wrong-name", "vpn.example.org", "vpn.example.com")
	f.Add("wrong-password", "\x1b[2J", "a\u202eb")
	f.Add("unheard-of", "\xff", "")
	f.Fuzz(func(t *testing.T, cause, seen, expected string) {
		s := (&Failure{Cause: Cause(cause), Seen: seen, Expected: expected}).Sentence()
		if !utf8.ValidString(s) || !strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\n\r\x1b\x00") {
			t.Errorf("not one clean sentence: %q", s)
		}
	})
}

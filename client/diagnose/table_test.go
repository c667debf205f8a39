package diagnose

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the table in README.md")

// day is when things in the table end.
var day = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)

// row is one way in which a sign-in fails: what has happened, the Failure that is made
// of it, and the tests that make it happen, each as "package TestName".
type row struct {
	what    string
	failure Failure
	tests   []string
}

const (
	radius  = "client/lab/e2e TestSignInByEAPFails"
	signIns = "client/tunnel TestSignInFailures"
	servers = "client/tunnel TestExplainServer"
	lines   = "client/tunnel TestFailures"
	system  = "client/lab/e2e TestFailures"
	mine    = "app/homewardctl TestCertificateTrouble"
	cards   = "client/lab/e2e TestCardSignsIn"
	refused = "client/lab/e2e TestCertificateRefused"
)

// table has a row for every cause that is about who somebody is, and for those that
// keep everything from leaving.
var table = []row{
	{"Wrong password", Failure{Cause: CauseWrongPassword, Seen: "Authentication failed"}, []string{signIns, radius, system}},
	{"Locked account", Failure{Cause: CauseAccountLocked, Seen: "Account disabled"}, []string{signIns, radius}},
	{"Expired password, and no new one", Failure{Cause: CausePasswordExpired}, []string{signIns, radius}},
	{"A new password that is refused", Failure{Cause: CausePasswordRefused, Seen: "Too short"}, []string{signIns, radius}},
	{"Wrong code", Failure{Cause: CauseWrongCode}, []string{signIns, radius}},
	{"A no without a reason", Failure{Cause: CauseRejected}, []string{"client/service TestRefusedPasswordIsAskedForAnew"}},
	{"Method not allowed", Failure{Cause: CauseEAPMethod, Seen: "MD5", Expected: "MSCHAPV2 and TLS"}, []string{signIns, radius}},
	{"The user says no", Failure{Cause: CauseCredentialsMissing, Expected: "password"}, []string{"client/service TestNoToAQuestion"}},
	{"Nobody answers", Failure{Cause: CauseUnanswered, Expected: "one-time code"}, []string{signIns, "client/service TestExpiredQuestionIsSaid"}},
	{"One sign-in too many", Failure{Cause: CauseFurtherSignIn}, []string{"client/tunnel TestFurtherSignIn"}},
	{"RADIUS server silent", Failure{Cause: CauseSignInSilent}, []string{signIns, radius}},
	{"Keychain locked or absent", Failure{Cause: CauseKeychain, Seen: "locked"}, []string{mine}},

	{"Client certificate expired", Failure{Cause: CauseCertificateExpired, When: day}, []string{mine, "client/tunnel TestCertificateHasEnded"}},
	{"Client certificate missing", Failure{Cause: CauseCertificateMissing, Expected: "Harbour CA"}, []string{mine, "client/tunnel TestCertificateNotThere"}},
	{"Client certificate refused", Failure{Cause: CauseCertificateRefused, Seen: "it has been revoked"}, []string{servers, refused}},
	{"Client certificate without private key", Failure{Cause: CauseKeyMissing, Seen: "Ada Lovelace"}, []string{mine}},
	{"Smart card removed", Failure{Cause: CauseCardRemoved, Seen: "Staff card"}, []string{cards, "client/credential/token TestSoftHSMRemoved", "client/credential/token TestCardIsPutBack"}},
	{"PIN wrong, tries left", Failure{Cause: CausePINWrong, Tries: 2}, []string{"client/credential/token TestSoftHSMWrongPIN", "client/service TestBecause"}},
	{"PIN wrong, one try left", Failure{Cause: CausePINWrong, Tries: 1}, []string{"client/credential/token TestSoftHSMThreeWrong"}},
	{"PIN wrong, the card does not say", Failure{Cause: CausePINWrong}, []string{cards}},
	{"PIN locked", Failure{Cause: CausePINLocked, Seen: "Staff card"}, []string{"client/credential/token TestSoftHSMLocks"}},

	{"Server certificate untrusted", Failure{Cause: CauseServerUntrusted, Seen: "Other CA"}, []string{servers, radius}},
	{"Server certificate expired", Failure{Cause: CauseServerExpired, When: day}, []string{servers, radius}},
	{"Server certificate with the wrong name", Failure{Cause: CauseServerWrongName, Seen: "radius.example.org", Expected: "radius.example.com"}, []string{servers, radius}},
	{"Server certificate revoked", Failure{Cause: CauseServerRevoked, When: day}, []string{servers, "client/tunnel TestServerRevoked"}},
	{"Server certificate of no use", Failure{Cause: CauseServerCertificate, Seen: "1024-bit RSA"}, []string{servers}},
	{"Crypto binding missing or wrong", Failure{Cause: CauseServerProof}, []string{servers, radius}},
	{"No TLS with the server", Failure{Cause: CauseServerTLS, Seen: "no common version of TLS"}, []string{servers, radius}},

	{"Gateway certificate untrusted", Failure{Cause: CauseGatewayUntrusted, Seen: "Other CA"}, []string{lines, system}},
	{"Gateway certificate of another issuer", Failure{Cause: CauseGatewayIssuer, Seen: "Old CA", Expected: "New CA"}, []string{servers, system}},
	{"Gateway certificate with the wrong name", Failure{Cause: CauseGatewayWrongName, Seen: "vpn.example.org", Expected: "vpn.example.com"}, []string{lines, system}},
	{"Gateway certificate expired", Failure{Cause: CauseGatewayExpired, When: day}, []string{lines, system}},
	{"Gateway certificate not valid yet", Failure{Cause: CauseGatewayNotYetValid, When: day}, []string{servers, system}},
	{"Gateway certificate for something else", Failure{Cause: CauseGatewayUsage}, []string{lines, system}},
	{"Gateway key not pinned", Failure{Cause: CauseGatewayPin, Seen: "sha256/AAAA"}, []string{"client/tunnel TestPinnedGateway"}},
	{"Gateway certificate revoked", Failure{Cause: CauseGatewayRevoked, When: day}, []string{"client/tunnel TestRevokedBeforeSignIn", "client/lab/e2e TestRevokedWhileConnected"}},
	{"Revocation not known, and strict", Failure{Cause: CauseRevocationUnknown, Seen: `"vpn.example.com", issued by "Example CA"`}, []string{"client/tunnel TestStrictUnknown", "client/lab/e2e TestSilentResponder"}},
	{"Gateway certificate of no use", Failure{Cause: CauseGatewayCertificate, Seen: "1024-bit RSA"}, []string{servers}},
	{"Gateway with another identity", Failure{Cause: CauseGatewayIdentity, Seen: "a.example", Expected: "b.example"}, []string{lines}},
	{"Gateway without proof", Failure{Cause: CauseGatewayProof}, []string{"client/tunnel TestEAPOnlyGateway"}},

	{"Kill switch that cannot be set", Failure{Cause: CausePolicyFailed, Seen: "no nft"}, []string{"client/service TestPolicyThatFailsIsBlocked", "client/tunnel TestNoWay", "app/homewardctl TestKillSwitchThatFails"}},
	{"Lockdown, and nobody wants a line", Failure{Cause: CauseLockdown}, []string{"client/service TestServiceThatIsKilled", "client/lab/e2e TestKillSwitchModes"}},
	{"Service restarted behind the kill switch", Failure{Cause: CauseServiceRestarted}, []string{"client/service TestServiceThatIsKilled", "client/lab/e2e TestKillSwitchOutlivesTheService"}},
}

const (
	tableBegins = "<!-- table: go test ./client/diagnose -run TestTable -update -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// TestTable holds the table in README.md against the sentences, has a row for every
// cause that is about who somebody is, and finds each test that is named in the
// package it names, speaking of the row's cause.
func TestTable(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("| What happened | Cause | Sentence | Shown by |\n| --- | --- | --- | --- |\n")
	rows := map[Cause]int{}
	for _, r := range table {
		t.Run(r.what, func(t *testing.T) {
			s := r.failure.Sentence()
			checkSentence(t, s)
			for _, name := range r.tests {
				findTest(t, name, r.failure.Cause)
			}
			rows[r.failure.Cause]++
			fmt.Fprintf(&text, "| %s | `%s` | %s | %s |\n", r.what, r.failure.Cause, s, strings.Join(r.tests, "<br>"))
		})
	}
	causes := Causes()
	first, last := 0, 0
	for i, c := range causes {
		switch c {
		case CauseWrongPassword:
			first = i
		case CauseGatewayProof:
			last = i
		}
	}
	for _, c := range causes[first : last+1] {
		if rows[c] == 0 {
			t.Errorf("%s has no row", c)
		}
	}
	checkTable(t, text.String())
}

func checkTable(t *testing.T, want string) {
	t.Helper()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		t.Fatal("README.md has no place for the table")
	}
	switch {
	case got == want:
	case *update:
		if err := os.WriteFile("README.md", []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md has another table; run this test with -update and read what has changed")
	}
}

var constant = regexp.MustCompile(`(Cause\w+)\s+Cause = "([\w-]+)"`)

// spoken gives what a file contains that speaks of a cause.
func spoken(t *testing.T, c Cause) *regexp.Regexp {
	t.Helper()
	data, err := os.ReadFile("cause.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range constant.FindAllStringSubmatch(string(data), -1) {
		if m[2] == string(c) {
			return regexp.MustCompile(`diagnose\.` + m[1] + `\b|"` + m[2] + `"`)
		}
	}
	t.Fatalf("cause.go has no constant for %s", c)
	return nil
}

// findTest looks for a test, in a file that speaks of the cause.
func findTest(t *testing.T, name string, c Cause) {
	t.Helper()
	folder, test, _ := strings.Cut(name, " ")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "\nfunc "+test+"(") && spoken(t, c).Match(data) {
			return
		}
	}
	t.Errorf("no %s in %s speaks of %s", test, folder, c)
}

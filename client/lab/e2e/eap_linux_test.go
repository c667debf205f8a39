package e2e

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// signIn is one way to sign in at a gateway that asks FreeRADIUS, or fails to.
type signIn struct {
	name   string
	fields map[string]any // of the profile
	user   string         // empty: UserName
	piped  string         // the password or code; empty: it is typed
	typed  []string
	proof  string   // in the gateway's log; empty: its sign-in server has said yes
	cause  string   // of the failure; empty: it must work
	words  []string // that the sentence holds, or the screen
}

const companyProfile = "company"

// eapFields are the fields of a profile for these methods at the lab's sign-in
// servers; more are added.
func eapFields(r *rig, realm string, methods, inner []string, more map[string]any) map[string]any {
	f := map[string]any{"client.auth": "eap", "client.eap.methods": methods}
	if slices.ContainsFunc(methods, func(m string) bool { return m == "tls" || m == "ttls" || m == "peap" }) {
		f["client.eap.server_names"] = list(lab.RADIUSName)
		f["client.eap.anchors"] = [][]byte{r.PKI.SignIn.DER()}
	}
	if inner != nil {
		f["client.eap.inner"] = inner
	}
	if realm != "" {
		f["client.eap.outer_identity"] = "anonymous@" + realm
	}
	maps.Copy(f, more)
	return f
}

func list(s ...string) []string { return s }

// signIn signs in, and holds what comes of it against the case.
func (r *rig) signIn(t *testing.T, c signIn) {
	t.Helper()
	own := *r
	own.t = t
	r = &own
	r.native(lab.Native{Name: companyProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: c.fields})
	r.attempt(t, c)
}

// attempt is signIn with the profile that is there.
func (r *rig) attempt(t *testing.T, c signIn) {
	t.Helper()
	own := *r
	own.t = t
	r = &own
	before := r.Gateway.Log()
	args := []string{"connect", companyProfile, "--timeout", "60s"}
	if c.user == "" {
		c.user = lab.UserName
	}
	if c.user != noUser {
		args = append(args, "--user", c.user)
	}
	res := r.answer(c, args)
	if c.cause != "" {
		r.failed(c, res)
		return
	}
	if res.Code != 0 {
		t.Fatalf("%s%s", res.Stdout, res.Stderr)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	if c.proof == "" {
		c.proof = "RADIUS authentication of '"
	}
	if said := strings.TrimPrefix(r.Gateway.Log(), before); !strings.Contains(said, c.proof) {
		t.Errorf("the gateway's log lacks %q", c.proof)
	}
	for _, w := range c.words {
		if !strings.Contains(res.Stdout, w) {
			t.Errorf("the screen lacks %q:\n%s", w, res.Stdout)
		}
	}
}

// noUser is for cases in which a certificate says who signs in.
const noUser = "-"

// answer runs homewardctl with the answers of a case.
func (r *rig) answer(c signIn, args []string) lab.Result {
	r.t.Helper()
	if c.piped != "" {
		return r.ctl(c.piped+"\n", append(args, "--password-stdin")...)
	}
	res, err := r.CtlTyped(r.ctx, c.typed, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.said.add(res.Stdout)
	return res
}

// failed wants a failure with its cause in the status, and its sentence in both places.
func (r *rig) failed(c signIn, res lab.Result) {
	r.t.Helper()
	if res.Code == 0 {
		r.must("", "disconnect")
		r.t.Fatalf("it works: %s", res.Stdout)
	}
	s := r.status()
	if s.State != "disconnected" || s.Error == nil || s.Error.Cause != c.cause {
		r.t.Fatalf("status: state %q, error %+v, want disconnected, %s", s.State, s.Error, c.cause)
	}
	for _, w := range c.words {
		if !strings.Contains(s.Error.Message, w) {
			r.t.Errorf("the sentence %q does not hold %q", s.Error.Message, w)
		}
	}
	if said := res.Stdout + res.Stderr; !strings.Contains(said, s.Error.Message) {
		r.t.Errorf("the status says %q, the command %q", s.Error.Message, said)
	}
}

// companyRig is a rig whose gateway asks the sign-in servers.
func companyRig(t *testing.T) *rig {
	t.Helper()
	return companyRigWith(t, lab.RADIUSOptions{})
}

// companyRigWith is companyRig with sign-in servers of a kind.
func companyRigWith(t *testing.T, o lab.RADIUSOptions) *rig {
	t.Helper()
	r := start(t, lab.Options{RADIUS: &o, Gateway: lab.GatewayOptions{EAPMethod: "radius"}})
	t.Cleanup(func() {
		if t.Failed() {
			for _, s := range r.RADIUS.Servers() {
				log := s.Log()
				t.Logf("the log of the sign-in server at port %d:\n%s", s.Port, log[max(0, len(log)-20000):])
			}
		}
	})
	return r
}

// holdCertificate gives the employee a certificate whose key the user's program
// keeps, in the profile of the tests.
func (r *rig) holdCertificate(t *testing.T, key lab.KeyType) {
	t.Helper()
	employee, err := r.PKI.Employee(lab.EmployeeMail, key)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := lab.PKCS12(employee, r.PKI.CA, "import me", false)
	if err != nil {
		t.Fatal(err)
	}
	r.profile(lab.Mobileconfig{Name: companyProfile, LocalIdentifier: lab.EmployeeMail, CA: [][]byte{r.PKI.CA.DER()}, PKCS12: packed, PKCS12Key: "import me"})
}

// keychain gives the employee a keychain, or skips where there is none.
func (r *rig) keychain(t *testing.T) {
	t.Helper()
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
}

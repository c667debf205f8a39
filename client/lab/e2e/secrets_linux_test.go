package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestNoSecretIsTold is a day of a whole installation at debug level, against a
// gateway that prints its keys: signing in by password, certificate and shared
// key, in vain and again too, new keys for both SAs, another network, a line that
// is lost and found. Then every line of the service's log, everything that homewardctl has said, and every
// file of the service's are searched for all that both ends held secret.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	password, wrong, shared := rand.Text(), rand.Text(), rand.Text()
	gateway := lab.GatewayOptions{LogKeys: true, PSK: shared, Users: map[string]string{lab.UserName: password}}
	company := newSecretAccounts()
	r := start(t, lab.Options{Uplinks: true, Gateway: gateway, RADIUS: company.options()})
	w := &secretsWalk{rig: r, needles: newNeedles(), company: company}
	w.needles.password("the password", password)
	w.needles.password("the wrong password", wrong)
	w.needles.password("the shared key", shared)
	r.verbose()

	w.profile(lab.Mobileconfig{Name: "by password", EAP: true, CA: [][]byte{r.PKI.CA.DER()}})
	r.fails(wrong+"\n", "connect", "by password", "--user", lab.UserName, "--password-stdin")
	w.look()
	r.must(password+"\n", "connect", "by password", "--user", lab.UserName, "--password-stdin")
	w.use()
	w.move()
	w.lose()
	r.must("", "disconnect")
	w.signInAgain(gateway, password)
	w.signInByEAP(gateway)
	w.signInByMachine(gateway)

	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Log("no keychain on this machine, so nobody signs in by certificate or shared key: ", err)
	} else if err != nil {
		t.Fatal(err)
	} else {
		for name, m := range w.keychainProfiles(shared) {
			w.profile(m)
			method := "mschapv2"
			if m.EAP {
				method = "radius"
			}
			w.reload(gateway, method)
			r.must("", "connect", name)
			w.use()
			r.must("", "disconnect")
		}
	}
	w.look()
	w.search()
}

// secretsWalk is such a day.
type secretsWalk struct {
	*rig
	needles *needles
	company secretAccounts
}

// keychainProfiles are those whose secrets the user's program keeps.
func (w *secretsWalk) keychainProfiles(shared string) map[string]lab.Mobileconfig {
	w.t.Helper()
	const psk = "by shared key"
	m := map[string]lab.Mobileconfig{psk: {Name: psk, LocalIdentifier: lab.EmployeeMail, Secret: shared}}
	for _, kind := range []lab.KeyType{lab.ECDSA256, lab.RSA2048} {
		employee, err := w.PKI.Employee(lab.EmployeeMail, kind)
		if err != nil {
			w.t.Fatal(err)
		}
		switch key := employee.Key.(type) {
		case *ecdsa.PrivateKey:
			d, err := key.Bytes()
			if err != nil {
				w.t.Fatal(err)
			}
			w.needles.number("the private key", new(big.Int).SetBytes(d))
		case *rsa.PrivateKey:
			w.needles.number("the private exponent", key.D)
			w.needles.number("a prime of the private key", key.Primes[0])
			w.needles.number("a prime of the private key", key.Primes[1])
			w.needles.number("an exponent of the private key", key.Precomputed.Dp)
			w.needles.number("an exponent of the private key", key.Precomputed.Dq)
			w.needles.number("the coefficient of the private key", key.Precomputed.Qinv)
		default:
			w.t.Fatalf("a key of type %T", key)
		}
		seal := rand.Text()
		w.needles.password("the file's password", seal)
		packed, err := lab.PKCS12(employee, w.PKI.CA, seal, false)
		if err != nil {
			w.t.Fatal(err)
		}
		name := "by " + string(kind)
		m[name] = lab.Mobileconfig{Name: name, LocalIdentifier: lab.EmployeeMail, CA: [][]byte{w.PKI.CA.DER()}, PKCS12: packed, PKCS12Key: seal}
		byTLS := m[name]
		byTLS.Name, byTLS.EAP, byTLS.EAPTypes = name+" in EAP-TLS", true, []int{13}
		byTLS.CA, byTLS.TrustedServers = append(byTLS.CA, w.PKI.SignIn.DER()), list(lab.RADIUSName)
		m[byTLS.Name] = byTLS
	}
	return m
}

// use has the line carry something and both SAs rekeyed by the gateway.
func (w *secretsWalk) use() {
	w.t.Helper()
	before := w.theSA()
	w.opens(intranet("/"), lab.IntranetGreeting)
	if err := w.Gateway.RekeyChild(w.ctx); err != nil {
		w.t.Error(err)
	}
	if err := w.Gateway.RekeyIKE(w.ctx); err != nil {
		w.t.Error(err)
	}
	if after := w.theSA(); after.ike == before.ike || after.child == before.child {
		w.t.Errorf("nothing was rekeyed: %+v, then %+v", before, after)
	}
	w.opens(intranet("/"), lab.IntranetGreeting)
	w.look()
}

// move takes the line to another network and back.
func (w *secretsWalk) move() {
	w.t.Helper()
	seen := func(from string) {
		w.t.Helper()
		if err := w.Gateway.WaitSAs(w.ctx, "the gateway sees the client at "+from, func(sas []lab.SA) bool {
			return slices.ContainsFunc(sas, func(s lab.SA) bool { return s.State == "ESTABLISHED" && s.Remote == from })
		}); err != nil {
			w.t.Fatal(err)
		}
		w.opens(intranet("/"), lab.IntranetGreeting)
	}
	if err := errors.Join(w.Uplinks.LTE.Up(), w.Uplinks.WiFi.Down()); err != nil {
		w.t.Fatal(err)
	}
	seen(lab.CarrierOutside.String())
	w.look()
	if err := w.Uplinks.Home(); err != nil {
		w.t.Fatal(err)
	}
	seen(lab.RouterOutside.String())
}

// signInAgain has a gateway that wants everybody to sign in again soon.
func (w *secretsWalk) signInAgain(gateway lab.GatewayOptions, password string) {
	w.t.Helper()
	soon := gateway
	soon.Reauth, soon.Overtime = 3*time.Second, time.Second
	if err := w.Gateway.Reload(w.ctx, soon); err != nil {
		w.t.Fatal(err)
	}
	w.must(password+"\n", "connect", "by password", "--user", lab.UserName, "--password-stdin")
	before := w.theSA()
	if err := w.Gateway.WaitSAs(w.ctx, "the client has signed in again", func(sas []lab.SA) bool {
		return len(sas) == 1 && sas[0].State == "ESTABLISHED" && sas[0].UniqueID != before.ike
	}); err != nil {
		w.t.Fatal(err)
	}
	w.look()
	w.must("", "disconnect")
	if err := w.Gateway.Reload(w.ctx, gateway); err != nil {
		w.t.Fatal(err)
	}
}

// lose has the gateway end the line, and waits until it is back.
func (w *secretsWalk) lose() {
	w.t.Helper()
	before := w.theSA()
	if err := w.Gateway.Terminate(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	if err := lab.Until(w.ctx, "the line is back", func() (bool, error) {
		return w.status().State == "connected" && w.theSA().ike != before.ike, nil
	}); err != nil {
		w.t.Fatal(err)
	}
	w.look()
}

// look has homewardctl say all that it knows.
func (w *secretsWalk) look() {
	w.t.Helper()
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"profiles", "--json"}, {"logs"}} {
		w.must("", args...)
	}
}

// search walks everything that was told.
func (w *secretsWalk) search() {
	w.t.Helper()
	log := w.Homeward.Log()
	if !strings.Contains(log, "service runs") || !strings.Contains(log, "level=DEBUG") {
		w.t.Error("the log is not whole, or not at debug level")
	}
	gatewayLog := w.Gateway.Log()
	keys := gatewayKeys(gatewayLog)
	for _, k := range keys {
		w.needles.add(k.name, k.octets)
	}
	for _, name := range []string{
		"SKEYSEED", "shared Diffie Hellman secret", "Sk_d secret", "Sk_ei secret", "Sk_er secret", "Sk_pi secret", "Sk_pr secret",
		"encryption initiator key", "encryption responder key", "secret", // the MSK, or the PSK
	} {
		// One for the first SAs and one for the rekeyed, at least.
		if n := w.needles.names[name]; n < 2 {
			w.t.Errorf("the gateway has printed %d of %q, want two or more", n, name)
		}
	}
	w.addServerKeys()
	// The walk must be able to fail: a line such as somebody might log while
	// looking for a bug.
	k := keys[len(keys)/2]
	if w.needles.find(log+"level=DEBUG msg=keys value="+hex.EncodeToString(k.octets[:rowOctets])) == nil || w.needles.find(gatewayLog) == nil {
		w.t.Error("the walk finds nothing where there is something")
	}

	texts := map[string]string{"the service's log": log, "what homewardctl has said": w.said.String()}
	err := filepath.WalkDir(w.StateDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || w.inMachineStore(path) {
			return err
		}
		b, err := os.ReadFile(path)
		texts[path] = string(b)
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
	for where, text := range texts {
		for _, found := range w.needles.find(text) {
			w.t.Errorf("%s holds %s", where, found)
		}
	}
	total := 0
	for _, n := range w.needles.names {
		total += n
	}
	w.t.Logf("%d secrets of %d kinds were looked for in %d texts, %d octets of log among them", total, len(w.needles.names), len(texts), len(log))
}

// printedKey is a secret in the gateway's log.
type printedKey struct {
	name   string
	octets []byte
}

var (
	dumpHead = regexp.MustCompile(`\] (?:<[^>]*> )?(.*) => (\d+) bytes @ 0x`)
	dumpLine = regexp.MustCompile(`\] (?:<[^>]*> )? *\d+: ((?:[0-9A-F]{2} )+)`)
	// secretDump tells the secrets from nonces, hashes of addresses and
	// signatures, which strongSwan prints in the same way.
	secretDump = regexp.MustCompile(`^(SKEYSEED|SK_p|secret|shared Diffie Hellman secret|prf\(secret, keypad\)|Sk_.* secret|(encryption|integrity) (initiator|responder) key)$`)
)

// gatewayKeys reads the keys out of a log that a gateway with LogKeys has
// written.
func gatewayKeys(log string) []printedKey {
	var keys []printedKey
	open := false
	for line := range strings.Lines(log) {
		if head := dumpHead.FindStringSubmatch(line); head != nil {
			if open = secretDump.MatchString(head[1]); open {
				keys = append(keys, printedKey{name: head[1]})
			}
			continue
		}
		row := dumpLine.FindStringSubmatch(line)
		if open = open && row != nil; !open {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(row[1], " ", ""))
		if err != nil {
			open = false
			continue
		}
		last := &keys[len(keys)-1]
		last.octets = append(last.octets, b...)
	}
	return keys
}

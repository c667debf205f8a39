package e2e

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestKeyStaysWithTheUser connects with a certificate that the user has imported, by
// IKE and by EAP-TLS, with each kind of key, and looks through all of the service's
// memory and every file of its state for any sixteen octets of the private key,
// while the line stands and after. That the search finds what is there is shown by
// the certificate, which the service has to have, and by the key in this process.
func TestKeyStaysWithTheUser(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{EAPMethod: "tls"}})
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	ca := [][]byte{r.PKI.CA.DER()}
	r.native(lab.Native{Name: "by IKE", CA: ca, Fields: map[string]any{"client.auth": "certificate", "client.identity": lab.EmployeeMail}})
	r.native(lab.Native{Name: "by EAP-TLS", CA: ca, Fields: map[string]any{
		"client.auth": "eap", "client.eap.methods": list("tls"), "client.identity": lab.EmployeeMail,
		"client.eap.without_ems": true, // which strongSwan does not speak
	}})
	before := ""
	for _, kind := range []lab.KeyType{lab.RSA2048, lab.ECDSA256, lab.ECDSA384} {
		employee, err := r.PKI.Employee(lab.EmployeeMail, kind)
		if err != nil {
			t.Fatal(err)
		}
		secret, public := keyNeedles(t, employee.Key), pieces("the certificate", employee.DER())
		if before != "" {
			r.must("", "certificate", "remove", before)
		}
		before = r.importCertificate(employee)
		for _, way := range []string{"by IKE", "by EAP-TLS"} {
			r.must("", "connect", way)
			r.opens(intranet("/"), lab.IntranetGreeting)
			pid := r.Service().PID()
			memory := fmt.Sprintf("/proc/%d", pid)
			if !isInMemory(t, pid, public) {
				t.Errorf("%s, %s: the search does not find the certificate in the service's memory", kind, way)
			}
			report(t, string(kind)+", "+way+", connected: "+memory, inMemory(t, pid, secret))
			report(t, string(kind)+", "+way+": the state folder", inFiles(t, r.StateDir, secret))
			r.must("", "disconnect")
			report(t, string(kind)+", "+way+", disconnected: "+memory, inMemory(t, pid, secret))
		}
		// The key is here, and the search sees it.
		if !isInMemory(t, os.Getpid(), secret) {
			t.Errorf("%s: the search does not find the key where it is", kind)
		}
	}
}

// importCertificate packs an employee's certificate and key into a file, has it
// imported as a person would, and gives the ID.
func (r *rig) importCertificate(employee *lab.Credential) string {
	r.t.Helper()
	password := rand.Text()
	packed, err := lab.PKCS12(employee, r.PKI.CA, password, false)
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.Dir, "employee.p12")
	if err := os.WriteFile(path, packed, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if out := r.must(password+"\n", "certificate", "import", path, "--password-stdin"); !strings.Contains(out, lab.EmployeeMail) {
		r.t.Errorf("import says %q", out)
	}
	rows := strings.Split(strings.TrimSpace(r.must("", "certificate", "list")), "\n")
	words := strings.Fields(rows[1])
	return words[len(words)-1]
}

func report(t *testing.T, where string, found []string) {
	t.Helper()
	for _, f := range found {
		t.Errorf("%s holds %s", where, f)
	}
}

// piece is some octets of what is looked for.
type piece struct {
	name   string
	octets []byte
}

const pieceSize = 16

// pieces cuts octets into pieces from end to end, those without a pattern.
func pieces(name string, octets []byte) (out []piece) {
	for i := 0; i+pieceSize <= len(octets); i += pieceSize {
		p := octets[i : i+pieceSize]
		kinds := map[byte]bool{}
		for _, c := range p {
			kinds[c] = true
		}
		if len(kinds) > pieceSize/2 { // zeros and the like are in every memory
			out = append(out, piece{name, bytes.Clone(p)})
		}
	}
	return out
}

// keyNeedles are the secret numbers of a private key as programs hold them, in both
// orders of octets, in DER and in base64 at each of three places in a group.
func keyNeedles(t *testing.T, key crypto.Signer) (out []piece) {
	t.Helper()
	numbers := map[string][]byte{}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		numbers["the private exponent"] = k.D.Bytes()
		numbers["a prime"], numbers["the other prime"] = k.Primes[0].Bytes(), k.Primes[1].Bytes()
		numbers["an exponent"], numbers["the other exponent"] = k.Precomputed.Dp.Bytes(), k.Precomputed.Dq.Bytes()
		numbers["the coefficient"] = k.Precomputed.Qinv.Bytes()
	case *ecdsa.PrivateKey:
		d, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		numbers["the private key"] = d
	case ed25519.PrivateKey:
		numbers["the seed"] = k.Seed()
	default:
		t.Fatalf("a key of type %T", key)
	}
	if der, err := x509.MarshalPKCS8PrivateKey(key); err != nil || len(der) == 0 {
		t.Fatalf("%d octets of PKCS#8, %v", len(der), err)
	}
	for name, n := range numbers {
		little := slices.Clone(n)
		slices.Reverse(little)
		out = append(out, pieces(name, n)...)
		out = append(out, pieces(name+", the other way round", little)...)
		// At an odd place of DER the pieces are others: every one in a row is looked for.
		for shift := 1; shift < pieceSize && len(n) <= 66; shift++ {
			out = append(out, pieces(name, n[shift:])...)
		}
		for shift := range 3 {
			text := base64.StdEncoding.EncodeToString(append(make([]byte, shift), n...))
			out = append(out, pieces(name+" in base64", []byte(text[8:]))...)
		}
	}
	if len(out) < 4 {
		t.Fatalf("%d pieces to look for", len(out))
	}
	return out
}

// inMemory looks through every part of a process's memory that can be read.
func inMemory(t *testing.T, pid int, needles []piece) (found []string) {
	t.Helper()
	return searchMemory(t, pid, needles, false)
}

// isInMemory ends at the first part that holds anything of the needles.
func isInMemory(t *testing.T, pid int, needles []piece) bool {
	t.Helper()
	return len(searchMemory(t, pid, needles, true)) > 0
}

func searchMemory(t *testing.T, pid int, needles []piece, first bool) (found []string) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := mem.Close(); err != nil {
			t.Error(err)
		}
	}()
	total := 0
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatal(err)
		}
		if mode[0] != 'r' || strings.Contains(lines.Text(), "[v") { // the kernel's own pages
			continue
		}
		region := make([]byte, to-from)
		n, err := mem.ReadAt(region, int64(from))
		if err != nil && n == 0 {
			continue // gone since
		}
		total += n
		found = append(found, lookFor(written(region[:n]), needles)...)
		if first && len(found) > 0 {
			return found
		}
	}
	if total < 8<<20 {
		t.Errorf("only %d octets of memory were read", total)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// written leaves out the pages that nothing was ever written to, in place: they are
// most of a process, and no needle is mostly zeros.
func written(region []byte) []byte {
	var empty [4096]byte
	out := region[:0]
	for page := range slices.Chunk(region, len(empty)) {
		if !bytes.Equal(page, empty[:len(page)]) {
			out = append(out, page...)
		}
	}
	return out
}

func lookFor(in []byte, needles []piece) (found []string) {
	for _, p := range needles {
		if bytes.Contains(in, p.octets) {
			found = append(found, p.name)
		}
	}
	return found
}

// inFiles looks through every file below a folder.
func inFiles(t *testing.T, dir string, needles []piece) (found []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		for _, f := range lookFor(data, needles) {
			found = append(found, f+" in "+path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files below %s, %v", files, dir, err)
	}
	return found
}

// TestPiecesAreFound plants a key in a file in each form that is looked for.
func TestPiecesAreFound(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	needles := keyNeedles(t, key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	little := key.D.Bytes()
	slices.Reverse(little)
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"DER": pkcs8, "little-endian": little, "base64": []byte(base64.StdEncoding.EncodeToString(pkcs8)),
		"a prime": append([]byte("prime="), key.Primes[1].Bytes()...),
	} {
		path := filepath.Join(dir, "planted")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(inFiles(t, dir, needles)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "planted"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := inFiles(t, dir, needles); len(found) != 0 {
		t.Errorf("in a file without a key was found: %q", found)
	}
}

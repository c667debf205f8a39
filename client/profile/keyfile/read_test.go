package keyfile

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
)

// holder is a certificate with its key.
type holder struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func issue(t testing.TB, name string, key crypto.Signer, by *holder) holder {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: strings.HasSuffix(name, "CA"),
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return holder{cert, key}
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// family is a root, an authority below it, and somebody below that.
func family(t testing.TB, key crypto.Signer) (root, middle, leaf holder) {
	t.Helper()
	root = issue(t, "Root CA", ecKey(t, elliptic.P256()), nil)
	middle = issue(t, "Staff CA", ecKey(t, elliptic.P256()), &root)
	return root, middle, issue(t, "alice", key, &middle)
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func armour(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// says gives these passwords, one after the other.
func says(passwords ...string) AskPassword {
	return func(_ string, attempt int) ([]byte, error) {
		if attempt >= len(passwords) {
			return nil, errors.New("nothing more to say")
		}
		return []byte(passwords[attempt]), nil
	}
}

// whole checks one identity against what went into the file.
func whole(t *testing.T, ids []*Identity, leaf, middle holder) {
	t.Helper()
	if len(ids) != 1 {
		t.Fatalf("%d identities, want 1", len(ids))
	}
	id := ids[0]
	if !id.Leaf.Equal(leaf.cert) || len(id.Chain) != 2 || !bytes.Equal(id.Chain[0], leaf.cert.Raw) || !bytes.Equal(id.Chain[1], middle.cert.Raw) {
		t.Errorf("a chain of %d, leaf %v", len(id.Chain), id.Leaf.Subject)
	}
	key, err := x509.ParsePKCS8PrivateKey(id.Key)
	if err != nil || !leaf.key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.(crypto.Signer).Public()) {
		t.Errorf("not the key that went in: %v", err)
	}
}

// TestRead reads one person's key and certificate in every form that files have.
func TestRead(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for kind, key := range map[string]crypto.Signer{
		"RSA": rsaKey, "Ed25519": edKey,
		"ECDSA256": ecKey(t, elliptic.P256()), "ECDSA384": ecKey(t, elliptic.P384()), "ECDSA521": ecKey(t, elliptic.P521()),
	} {
		root, middle, leaf := family(t, key)
		chain := bytes.Join([][]byte{armour("CERTIFICATE", root.cert.Raw), armour("CERTIFICATE", leaf.cert.Raw), armour("CERTIFICATE", middle.cert.Raw)}, nil)
		sealed := func(enc *pkcs12.Encoder, password string) []byte {
			b, err := enc.Encode(key, leaf.cert, []*x509.Certificate{root.cert, middle.cert}, password)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		forms := map[string]struct {
			files []File
			ask   AskPassword
		}{
			"PKCS#12, PBES2":                 {[]File{{"a", sealed(pkcs12.Modern2023, "pw")}}, says("pw")},
			"PKCS#12, PBMAC1":                {[]File{{"a", sealed(pkcs12.Modern2026, "pw")}}, says("pw")},
			"PKCS#12, 3DES with SHA-1":       {[]File{{"a", sealed(pkcs12.LegacyDES, "pw")}}, says("pw")},
			"PKCS#12, RC2-40 with SHA-1":     {[]File{{"a", sealed(pkcs12.LegacyRC2, "pw")}}, says("wrong", "worse", "pw")},
			"PKCS#12, an empty password":     {[]File{{"a", sealed(pkcs12.LegacyDES, "")}}, nil},
			"PKCS#12 without encryption":     {[]File{{"a", sealed(pkcs12.Passwordless, "")}}, nil},
			"PEM in one file":                {[]File{{"a", append(armour("PRIVATE KEY", pkcs8(t, key)), chain...)}}, nil},
			"PEM with words around":          {[]File{{"a", slicesJoin("Bag Attributes\n  friendlyName: alice\n", string(chain), "Key Attributes\n", string(armour("PRIVATE KEY", pkcs8(t, key))))}}, nil},
			"PEM, key apart":                 {[]File{{"a", chain}, {"b", armour("PRIVATE KEY", pkcs8(t, key))}}, nil},
			"DER, each in its own":           {[]File{{"k", pkcs8(t, key)}, {"m", middle.cert.Raw}, {"c", leaf.cert.Raw}}, nil},
			"DER and PEM, with line breaks":  {[]File{{"k", append(pkcs8(t, key), '\n')}, {"c", bytes.ReplaceAll(chain, []byte("\n"), []byte("\r\n"))}}, nil},
			"PKCS#12 and its chain together": {[]File{{"a", sealed(pkcs12.Modern2023, "pw")}, {"c", chain}}, says("pw")},
		}
		switch k := key.(type) {
		case *rsa.PrivateKey:
			forms["PKCS#1"] = struct {
				files []File
				ask   AskPassword
			}{[]File{{"a", chain}, {"k", armour("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k))}}, nil}
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			forms["SEC 1"] = struct {
				files []File
				ask   AskPassword
			}{[]File{{"a", chain}, {"k", armour("EC PRIVATE KEY", der)}}, nil}
		}
		for form, c := range forms {
			t.Run(kind+", "+form, func(t *testing.T) {
				t.Parallel()
				ids, err := Read(c.files, c.ask)
				if err != nil {
					t.Fatal(err)
				}
				whole(t, ids, leaf, middle)
				if ids[0].Kind != kind {
					t.Errorf("kind %q", ids[0].Kind)
				}
			})
		}
	}
}

func slicesJoin(parts ...string) []byte { return []byte(strings.Join(parts, "")) }

// TestReadOpenSSL reads what OpenSSL writes: encrypted PKCS#8 with each cipher and
// PRF, and PKCS#12 old and new.
func TestReadOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl on this machine to write files with")
	}
	key := ecKey(t, elliptic.P256())
	_, middle, leaf := family(t, key)
	dir := t.TempDir()
	keyFile, certFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	certs := append(armour("CERTIFICATE", leaf.cert.Raw), armour("CERTIFICATE", middle.cert.Raw)...)
	for path, data := range map[string][]byte{keyFile: armour("PRIVATE KEY", pkcs8(t, key)), certFile: certs} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"aes-256-cbc, SHA-256":   {"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"},
		"aes-128-cbc, SHA-512":   {"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"},
		"aes-192-cbc, SHA-384":   {"pkcs8", "-topk8", "-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA384"},
		"des3, SHA-1":            {"pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1"},
		"aes-256-cbc, in DER":    {"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-outform", "DER"},
		"PKCS#12 as it writes":   {"pkcs12", "-export", "-inkey", keyFile},
		"PKCS#12, old":           {"pkcs12", "-export", "-inkey", keyFile, "-legacy"},
		"PKCS#12, 3DES":          {"pkcs12", "-export", "-inkey", keyFile, "-descert"},
		"PKCS#12, many rounds":   {"pkcs12", "-export", "-inkey", keyFile, "-iter", "100000"},
		"PKCS#12, MAC of SHA-1":  {"pkcs12", "-export", "-inkey", keyFile, "-macalg", "sha1"},
		"PKCS#12, key encrypted": {"pkcs12", "-export", "-inkey", keyFile, "-certpbe", "NONE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := keyFile
			if args[0] == "pkcs12" {
				in = certFile
			}
			out := filepath.Join(t.TempDir(), "out")
			all := append(args, "-in", in, "-out", out, "-passout", "pass:pässword")
			if text, err := exec.Command(openssl, all...).CombinedOutput(); err != nil {
				if strings.Contains(string(text), "legacy") || strings.Contains(string(text), "unsupported") {
					t.Skipf("this openssl does not write that: %s", text)
				}
				t.Fatalf("%v: %s", err, text)
			}
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			ids, err := Read([]File{{"out", data}, {"cert.pem", certs}}, says("wrong", "pässword"))
			if err != nil {
				t.Fatal(err)
			}
			whole(t, ids, leaf, middle)
		})
	}
}

// TestReadSeveral gives an identity for each key.
func TestReadSeveral(t *testing.T) {
	t.Parallel()
	var files []File
	for _, name := range []string{"alice", "bob"} {
		h := issue(t, name, ecKey(t, elliptic.P256()), nil)
		files = append(files, File{name, append(armour("CERTIFICATE", h.cert.Raw), armour("PRIVATE KEY", pkcs8(t, h.key))...)})
	}
	ids, err := Read(files, nil)
	if err != nil || len(ids) != 2 || ids[0].Leaf.Subject.CommonName != "alice" || ids[1].Leaf.Subject.CommonName != "bob" {
		t.Fatalf("%d identities, %v", len(ids), err)
	}
}

// TestReadRefuses has a sentence for everything that is no key with its certificate.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	alice, bob := issue(t, "alice", ecKey(t, elliptic.P256()), nil), issue(t, "bob", ecKey(t, elliptic.P256()), nil)
	certOf := func(h holder) File { return File{"cert.pem", armour("CERTIFICATE", h.cert.Raw)} }
	keyOf := func(h holder) File { return File{"key.pem", armour("PRIVATE KEY", pkcs8(t, h.key))} }
	p12, err := pkcs12.Modern.Encode(alice.key, alice.cert, nil, "right")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{alice.cert}, "right")
	if err != nil {
		t.Fatal(err)
	}
	costly, err := asn1.Marshal(encryptedPrivateKeyInfo{pkix.AlgorithmIdentifier{
		Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: mustMarshal(t, pbes2Params{
			pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: mustMarshal(t, struct {
				Salt       []byte
				Iterations int
			}{[]byte("salt"), maxIterations + 1})}},
			pkix.AlgorithmIdentifier{Algorithm: ciphers[0].oid, Parameters: asn1.RawValue{FullBytes: mustMarshal(t, make([]byte, 16))}},
		})},
	}, make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	p224 := issue(t, "carol", ecKey(t, elliptic.P224()), nil)
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "DES-EDE3-CBC,00"}, Bytes: []byte{1}})
	for name, c := range map[string]struct {
		files   []File
		ask     AskPassword
		problem profile.ImportProblem
		words   string
	}{
		"no key":               {[]File{certOf(alice)}, nil, profile.ImportIncomplete, "cert.pem holds a certificate without private key"},
		"no certificate":       {[]File{keyOf(alice)}, nil, profile.ImportIncomplete, "without its certificate"},
		"another's key":        {[]File{certOf(alice), keyOf(bob)}, nil, profile.ImportIncomplete, "key.pem does not belong to any certificate"},
		"PKCS#12 without key":  {[]File{{"trust.p12", trust}}, says("right"), profile.ImportIncomplete, "no private key"},
		"wrong every time":     {[]File{{"a.p12", p12}}, says("a", "b", "c", "right"), profile.ImportPassword, "missing or wrong"},
		"nobody to ask":        {[]File{{"a.p12", p12}}, nil, profile.ImportPassword, "missing or wrong"},
		"gives up":             {[]File{{"a.p12", p12}}, says("a"), profile.ImportPassword, "no password was given"},
		"cut off":              {[]File{{"a.p12", p12[:len(p12)-9]}}, says("right"), profile.ImportDamaged, "cannot be read"},
		"costs years":          {[]File{{"a.key", costly}}, says("right"), profile.ImportDamaged, "takes longer"},
		"empty":                {[]File{{"a", nil}}, nil, profile.ImportDamaged, "is empty"},
		"a picture":            {[]File{{"a.png", []byte("\x89PNG\r\n")}}, nil, profile.ImportForeign, "no file of a key"},
		"too large":            {[]File{{"a", make([]byte, MaxFile+1)}}, nil, profile.ImportTooLarge, "larger"},
		"endless PEM":          {[]File{{"a", bytes.Repeat(armour("X", []byte{1}), maxBlocks+1)}}, nil, profile.ImportTooLarge, "more keys or certificates"},
		"many keys":            {[]File{{"a", bytes.Repeat(keyOf(alice).Data, maxKeys+1)}}, nil, profile.ImportTooLarge, "more keys or certificates"},
		"old encryption":       {[]File{{"a.key", old}}, nil, profile.ImportUnsupported, "openssl pkcs8"},
		"OpenSSH":              {[]File{{"id_rsa", armour("OPENSSH PRIVATE KEY", []byte{1})}}, nil, profile.ImportUnsupported, "OpenSSH"},
		"PKCS#7":               {[]File{{"a.p7b", armour("PKCS7", []byte{1})}}, nil, profile.ImportUnsupported, "openssl pkcs7"},
		"damaged certificate":  {[]File{{"a", armour("CERTIFICATE", []byte{0x30, 0})}}, nil, profile.ImportDamaged, "cannot be read"},
		"damaged key":          {[]File{{"a", armour("PRIVATE KEY", []byte{0x30, 0})}}, nil, profile.ImportDamaged, "cannot be read"},
		"a curve of its own":   {[]File{certOf(p224), keyOf(p224)}, nil, profile.ImportDamaged, "of a kind"},
		"percent in its words": {[]File{{"50%s.p12", []byte{0x30, 0x05, 0}}}, nil, profile.ImportDamaged, "50%s.p12 cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, err := Read(c.files, c.ask)
			var refusal *profile.ImportError
			if !errors.As(err, &refusal) || refusal.Problem != c.problem || !strings.Contains(refusal.Sentence, c.words) || ids != nil {
				t.Errorf("%d identities, %v", len(ids), err)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "%!")) {
				t.Errorf("not a sentence: %q", err)
			}
		})
	}
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestCost refuses iteration counts that would keep the machine busy for days.
func TestCost(t *testing.T) {
	t.Parallel()
	alice := issue(t, "alice", ecKey(t, elliptic.P256()), nil)
	for _, enc := range []*pkcs12.Encoder{pkcs12.Modern2023, pkcs12.LegacyDES, pkcs12.Modern2026} {
		file, err := enc.Encode(alice.key, alice.cert, nil, "pw")
		if err == nil {
			err = checkCost(file)
		}
		if err != nil {
			t.Errorf("a real file: %v", err)
		}
	}
	type params struct {
		Salt  []byte
		Count int64
	}
	type mac struct {
		Digest params
		Salt   []byte
		Count  int64
	}
	for name, v := range map[string]any{
		"cipher": params{[]byte("salt"), maxIterations + 1},
		"MAC":    mac{params{[]byte("x"), 1}, []byte("salt"), 1 << 31},
		"inside": struct{ Inner []byte }{mustMarshal(t, params{[]byte("salt"), 1 << 40})},
	} {
		if err := checkCost(mustMarshal(t, v)); !errors.Is(err, ErrCostly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkCost(mustMarshal(t, params{[]byte("salt"), maxIterations})); err != nil {
		t.Errorf("the bound itself: %v", err)
	}
}

// TestCostInAll bounds what all keys of a file cost together (RFC 8018 5.2), also of
// several files.
func TestCostInAll(t *testing.T) {
	t.Parallel()
	sealed := func(salt any, count int, function asn1.ObjectIdentifier) []byte {
		return mustMarshal(t, encryptedPrivateKeyInfo{pkix.AlgorithmIdentifier{
			Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: mustMarshal(t, pbes2Params{
				pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: mustMarshal(t, struct {
					Salt       any
					Iterations int
					PRF        pkix.AlgorithmIdentifier
				}{salt, count, pkix.AlgorithmIdentifier{Algorithm: function}})}},
				pkix.AlgorithmIdentifier{Algorithm: ciphers[0].oid, Parameters: asn1.RawValue{FullBytes: mustMarshal(t, make([]byte, 16))}},
			})},
		}, make([]byte, 32)})
	}
	sha256, sha512 := prfs[2].oid, prfs[4].oid
	one := sealed([]byte("salt"), maxIterations, sha256)
	otherClass := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: asn1.TagOctetString, Bytes: []byte("salt")}
	for name, c := range map[string]struct {
		files  [][]byte
		costly bool
	}{
		"four keys":            {[][]byte{bytes.Repeat(one, 4)}, false},
		"five keys":            {[][]byte{bytes.Repeat(one, 5)}, true},
		"five files":           {[][]byte{one, one, one, one, one}, true},
		"a slower function":    {[][]byte{sealed([]byte("salt"), maxIterations, sha512), sealed([]byte("salt"), maxIterations, sha512)}, true},
		"a salt in disguise":   {[][]byte{sealed(otherClass, 1<<40, sha256)}, true},
		"and within the bound": {[][]byte{sealed(otherClass, 1<<10, sha256)}, false},
	} {
		var work uint64
		var err error
		for _, f := range c.files {
			err = errors.Join(err, spend(&work, f))
		}
		if errors.Is(err, ErrCostly) != c.costly {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := File{"key.pem", armour("ENCRYPTED PRIVATE KEY", one)}
	for work, costly := range map[uint64]bool{0: false, maxWork: true} {
		asked := 0
		r := reader{work: work, ask: func(string, int) ([]byte, error) { asked++; return nil, errors.New("enough") }}
		if err := r.file(file); errors.Is(err, ErrCostly) != costly || costly == (asked > 0) {
			t.Errorf("after %d: %v, asked %d times", work, err, asked)
		}
	}
}

// TestKeyIsNotShown prints an identity in every way that programs print.
func TestKeyIsNotShown(t *testing.T) {
	t.Parallel()
	alice := issue(t, "alice", ecKey(t, elliptic.P256()), nil)
	id, err := newIdentity(alice.key, []*x509.Certificate{alice.cert})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%s", "%x", "%d", "%q", "%#v"} {
		if text := fmt.Sprintf(verb, id.Key); text != "redacted" {
			t.Errorf("%s shows %s", verb, text)
		}
	}
	if text := id.Key.LogValue(); text.Kind() != slog.KindString || text.String() != "redacted" {
		t.Errorf("a log shows %v", text)
	}
}

// FuzzRead feeds what a hostile file may hold.
func FuzzRead(f *testing.F) {
	alice := issue(f, "alice", ecKey(f, elliptic.P256()), nil)
	for _, enc := range []*pkcs12.Encoder{pkcs12.LegacyDES, pkcs12.LegacyRC2, pkcs12.Modern2023} {
		file, err := enc.Encode(alice.key, alice.cert, nil, "pw")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Add(append(armour("CERTIFICATE", alice.cert.Raw), armour("PRIVATE KEY", pkcs8(f, alice.key))...))
	f.Add(pkcs8(f, alice.key))
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, err := Read([]File{{"file", data}}, says("pw"))
		if (err == nil) != (len(ids) > 0) {
			t.Fatalf("%d identities and %v", len(ids), err)
		}
		for _, id := range ids {
			if id.Leaf == nil || len(id.Chain) == 0 || len(id.Key) == 0 {
				t.Fatalf("half an identity: %+v", id)
			}
		}
		var refusal *profile.ImportError
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("not a sentence: %v", err)
		}
	})
}

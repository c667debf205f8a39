package lab

import (
	"bufio"
	"crypto/des"
	"crypto/rc4"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	//lint:ignore SA1019 passwords of a domain are kept as MD4 (RFC 2759 8.3)
	"golang.org/x/crypto/md4"
)

// A domain controller, as FreeRADIUS knows them: it runs a program that judges an
// answer to MS-CHAP or takes a new password. Debian's FreeRADIUS 3.2.1 can
// change no password by itself, it crashes; and so the lab has this one.
//
//	domain FOLDER auth NAME CHALLENGE RESPONSE   prints NT_KEY, or why not
//	domain FOLDER change                         reads what ntlm_auth's
//	                                             ntlm-change-password-1 reads
//
// FOLDER has a file for each user, the NT hash of the password in hex. A name
// with ".expired" behind it marks a password that must be changed.

// errNo is how the program says no: with words on its output and exit code 1.
var errNo = errors.New("no")

// runDomain is the domain stage.
func runDomain(args []string) error {
	if len(args) < 2 {
		return errors.New("lab: a domain wants its folder and what to do")
	}
	d := domain{folder: args[0]}
	var said string
	var err error
	switch {
	case args[1] == "auth" && len(args) == 5:
		said, err = d.authenticate(args[2], args[3], args[4])
	case args[1] == "change":
		said, err = d.change(os.Stdin)
	default:
		err = fmt.Errorf("lab: a domain does not know %q", args[1:])
	}
	if _, werr := fmt.Println(said); werr != nil {
		return werr
	}
	return err
}

type domain struct{ folder string }

const expiredMark = ".expired"

// shortestPassword is what the domain's rules say, in units of UTF-16.
const shortestPassword = 8

// hash finds a user's password.
func (d domain) hash(name string) (hash []byte, expired bool, err error) {
	if name == "" || strings.ContainsAny(name, "/.") {
		return nil, false, fmt.Errorf("lab: no user is called %q", name)
	}
	path := filepath.Join(d.folder, name)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		expired = true
		text, err = os.ReadFile(path + expiredMark)
	}
	if err != nil {
		return nil, false, fmt.Errorf("lab: reading a password: %w", err)
	}
	hash, err = hex.DecodeString(string(text))
	return hash, expired, err
}

// authenticate judges an NT response (RFC 2759 8.5).
func (d domain) authenticate(name, challenge, response string) (string, error) {
	c, cerr := hex.DecodeString(challenge)
	r, rerr := hex.DecodeString(response)
	hash, expired, err := d.hash(name)
	if err := errors.Join(cerr, rerr, err); err != nil {
		return "", err
	}
	if len(c) != des.BlockSize {
		return "", errors.New("lab: a challenge of another size")
	}
	want := masked(append(append([]byte{}, hash...), 0, 0, 0, 0, 0), c, c, c)
	switch {
	case subtle.ConstantTimeCompare(want, r) != 1:
		return "Wrong password (0xC000006A)", errNo
	case expired:
		return "Password has expired (0xC0000224)", errNo
	}
	return fmt.Sprintf("NT_KEY: %X", md4Of(hash)), nil
}

// change takes a new password, under the old one's hash (RFC 2759 8.9 to 8.13).
func (d domain) change(in io.Reader) (string, error) {
	fields := map[string]string{}
	for lines := bufio.NewScanner(in); lines.Scan() && lines.Text() != "."; {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		fields[key] = value
	}
	name := fields["username"]
	blob, berr := hex.DecodeString(fields["new-nt-password-blob"])
	proof, perr := hex.DecodeString(fields["old-nt-hash-blob"])
	old, _, err := d.hash(name)
	if err := errors.Join(berr, perr, err); err != nil {
		return "", err
	}
	const room = 512 // and four octets of length
	if len(blob) != room+4 {
		return "", errors.New("lab: a new password of another size")
	}
	cipher, err := rc4.NewCipher(old)
	if err != nil {
		return "", fmt.Errorf("lab: opening a new password: %w", err)
	}
	cipher.XORKeyStream(blob, blob)
	n := binary.LittleEndian.Uint32(blob[room:])
	if n == 0 || n > room {
		return "Password-Change: No\nPassword-Change-Error: the old password is another", errNo
	}
	if n < 2*shortestPassword {
		return "Password-Change: No\nPassword-Change-Error: the new password is too short", errNo
	}
	fresh := md4Of(blob[room-n : room])
	if subtle.ConstantTimeCompare(masked(fresh, old[:8], old[8:]), proof) != 1 {
		return "Password-Change: No\nPassword-Change-Error: the old password is not proven", errNo
	}
	if err := os.WriteFile(filepath.Join(d.folder, name), []byte(hex.EncodeToString(fresh)), 0o600); err != nil {
		return "", fmt.Errorf("lab: keeping a new password: %w", err)
	}
	return "Password-Change: Yes", nil
}

// masked encrypts blocks with DES, each under the next seven octets of key.
func masked(key []byte, blocks ...[]byte) []byte {
	var out []byte
	for _, block := range blocks {
		// Seven octets are eight with a bit of parity each, which nobody looks at.
		bits := binary.BigEndian.Uint64(append([]byte{0}, key[:7]...))
		key = key[7:]
		var spread [8]byte
		for i := range spread {
			spread[i] = byte(bits>>(49-7*i)) << 1
		}
		c, err := des.NewCipher(spread[:])
		if err != nil {
			return nil // a key of this size is never refused
		}
		sealed := make([]byte, des.BlockSize)
		c.Encrypt(sealed, block)
		out = append(out, sealed...)
	}
	return out
}

func md4Of(b []byte) []byte {
	h := md4.New()
	h.Write(b)
	return h.Sum(nil)
}

// ntHash is a password as a domain keeps it (RFC 2759 8.3).
func ntHash(password string) []byte {
	var wide []byte
	for _, u := range utf16.Encode([]rune(password)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	return md4Of(wide)
}

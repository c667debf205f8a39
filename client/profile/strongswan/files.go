package strongswan

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

// Files reads what a profile names by its path, as far as it lies beside the
// profile. The zero value reads nothing.
type Files struct {
	Read func(path string) ([]byte, error)
	Ask  keyfile.AskPassword
	Now  time.Time
}

// errNotBeside says that a file is not where it may be read from.
var errNotBeside = errors.New("it does not lie beside the profile")

// find reads a file of that name: where the path says, as far as it lies beside the
// profile, in one of the folders in which the format keeps such files, or beside the
// profile itself. A path that leads up is not looked for at all.
func (f Files) find(name string, folders ...string) (data []byte, at string, err error) {
	name = strings.TrimSpace(strings.ReplaceAll(name, `\`, "/"))
	if f.Read == nil || name == "" || strings.Contains("/"+name+"/", "/../") {
		return nil, "", errNotBeside
	}
	var places []string
	if !path.IsAbs(name) {
		places = append(places, path.Clean(name))
		for _, folder := range folders {
			places = append(places, path.Join(folder, name))
		}
	}
	for _, folder := range folders {
		places = append(places, path.Join(folder, path.Base(name)))
	}
	err = errNotBeside
	for _, at := range append(places, path.Base(name)) {
		if data, rerr := f.Read(at); rerr == nil {
			return data, at, nil
		}
	}
	return nil, "", err
}

// Text reads a text file beside the profile; false: there is none.
func (f Files) Text(name string) ([]byte, bool) {
	data, _, err := f.find(name)
	return data, err == nil && len(data) <= profile.MaxFile
}

// Authorities reads certificates that a gateway is checked against. shown describes
// them, and note is for the report: from where they come, or why they do not.
func (f Files) Authorities(name string, folders ...string) (certs []*x509.Certificate, shown, note string) {
	data, at, err := f.find(name, folders...)
	if err != nil {
		return nil, "", "not taken over, for it does not lie beside the profile; put it there, or ask for a profile that holds it"
	}
	certs, err = keyfile.Certificates(data)
	if err != nil {
		return nil, "", fmt.Sprintf("the file %s beside the profile holds no certificate that can be read", importer.Quote(at))
	}
	var names []string
	for _, c := range certs {
		names = append(names, f.Describe(c))
	}
	return certs, strings.Join(names, "; "), fmt.Sprintf("read from the file %s beside the profile", importer.Quote(at))
}

// Describe names a certificate for the report.
func (f Files) Describe(c *x509.Certificate) string {
	name, issuer, until := c.Subject.CommonName, c.Issuer.CommonName, "valid until "
	if name == "" {
		name = c.Subject.String()
	}
	switch {
	case SelfIssued(c):
		issuer = "itself"
	case issuer == "":
		issuer = c.Issuer.String()
	}
	if c.NotAfter.Before(f.Now) {
		until = "expired on "
	}
	return profile.CleanText(name+", issued by "+issuer+", "+until+c.NotAfter.UTC().Format("2006-01-02"), 200)
}

// SelfIssued says that a certificate names itself as its issuer.
func SelfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// Trust adds what a gateway's certificate may come from: the certificates
// themselves, but for those that another of them stands above.
func Trust(g *profile.Gateway, certs []*x509.Certificate) {
	for _, c := range certs {
		list := &g.Anchors
		for _, above := range certs {
			if above != c && !SelfIssued(c) && bytes.Equal(c.RawIssuer, above.RawSubject) {
				list = &g.Intermediates
			}
		}
		if !contains(g.Anchors, c.Raw) && !contains(g.Intermediates, c.Raw) && len(*list) < keyfile.MaxCertificates {
			*list = append(*list, bytes.Clone(c.Raw))
		}
	}
}

func contains(list [][]byte, der []byte) bool {
	for _, have := range list {
		if bytes.Equal(have, der) {
			return true
		}
	}
	return false
}

// PickYourself is the note of a certificate of the user's that is not in the file.
const PickYourself = "not taken over, for it does not lie beside the profile: give yours with «homewardctl certificate import», and it is taken when you connect"

// Named is a file with a certificate or a key of the user's, as a profile names it.
type Named struct {
	Path     string
	Folders  []string // where the format keeps such files
	Password string   // "": none is known
}

// Identity reads the user's certificate and key from the files. The note is for the
// report: why there is none. An error ends the import: the user was asked for a
// password, and there was none that fits.
func (f Files) Identity(list ...Named) (id *keyfile.Identity, note string, err error) {
	var files []keyfile.File
	passwords := map[string]string{}
	for _, n := range list {
		data, at, err := f.find(n.Path, n.Folders...)
		if err != nil {
			return nil, PickYourself, nil
		}
		files = append(files, keyfile.File{Name: at, Data: data})
		passwords[at] = n.Password
	}
	if len(files) == 0 {
		return nil, PickYourself, nil
	}
	defer func() {
		for _, file := range files {
			clear(file.Data)
		}
	}()
	ids, err := keyfile.Read(files, f.withKnown(passwords))
	var known *profile.ImportError
	switch {
	case errors.As(err, &known) && known.Problem == profile.ImportPassword && f.Ask != nil:
		return nil, "", err
	case err != nil:
		return nil, profile.CleanText(err.Error(), 200), nil
	}
	for _, other := range ids[1:] {
		clear(other.Key)
	}
	return ids[0], fmt.Sprintf("read from the file %s beside the profile; you sign in with it, and its key goes to your sealed store", importer.Quote(files[0].Name)), nil
}

// withKnown answers with the password that the profile has before it asks anybody.
func (f Files) withKnown(passwords map[string]string) keyfile.AskPassword {
	return func(name string, attempt int) ([]byte, error) {
		if known := passwords[name]; known != "" {
			if attempt == 0 {
				return []byte(known), nil
			}
			attempt--
		}
		if f.Ask == nil {
			return nil, errors.New("nobody can be asked for its password")
		}
		return f.Ask(name, attempt)
	}
}

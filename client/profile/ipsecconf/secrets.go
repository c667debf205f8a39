package ipsecconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// secretsFile is the file with the secrets, beside the other one.
const secretsFile = "ipsec.secrets"

// secrets is what that file holds.
type secrets struct {
	found  bool
	paths  []string // of its entries in the report, in order
	values []strongswan.Secret
	keys   []key
	others map[string]string // why an entry is not taken, by its path
}

// key is a file with a private key.
type key struct {
	path string
	file strongswan.Named
}

// The types of entries.
var (
	keyTypes    = []string{"RSA", "ECDSA", "BLISS", "PKCS1", "PKCS8", "P8", "P12", "PRIV"}
	secretKinds = map[string]strongswan.SecretKind{"PSK": strongswan.SecretPSK, "EAP": strongswan.SecretEAP}
)

// maxSecrets bounds the entries of the file.
const maxSecrets = 256

// readSecrets reads the file where it lies beside the profile.
func (f *file) readSecrets() {
	data, ok := (strongswan.Files{Read: f.options.ReadFile}).Text(secretsFile)
	text, isText := importer.Text(data)
	if !ok || !isText {
		return
	}
	f.secrets = parseSecrets(string(text))
	clear(data)
}

// parseSecrets reads entries "[owners] : TYPE data", each from the first column to the
// next line that begins there.
func parseSecrets(text string) secrets {
	s := secrets{found: true, others: map[string]string{}}
	var entry []token
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			s.add(entry)
			entry = nil
		}
		entry = append(entry, tokens(line)...)
	}
	s.add(entry)
	return s
}

// token is a word, or a text in quotes, which means what it says.
type token struct {
	text   string
	quoted bool
}

// tokens cuts a line at white space, outside quotes, up to a comment.
func tokens(line string) (list []token) {
	for {
		line = strings.TrimLeft(line, " \t")
		switch {
		case line == "" || line[0] == '#':
			return list
		case line[0] == '"' || line[0] == '\'':
			text, rest, _ := strings.Cut(line[1:], line[:1])
			list, line = append(list, token{text, true}), rest
		default:
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			list, line = append(list, token{line[:end], false}), line[end:]
		}
	}
}

// add takes one entry.
func (s *secrets) add(entry []token) {
	colon := slices.IndexFunc(entry, func(t token) bool { return t.text == ":" && !t.quoted })
	if colon < 0 || colon+1 >= len(entry) || len(s.paths) == maxSecrets {
		return
	}
	typ, rest := strings.ToUpper(entry[colon+1].text), entry[colon+2:]
	path := fmt.Sprintf("%s[%d].%s", secretsFile, len(s.paths), profile.CleanText(typ, 20))
	s.paths = append(s.paths, path)
	var owners []string
	for _, t := range entry[:colon] {
		owners = append(owners, t.text)
	}
	kind, isSecret := secretKinds[typ]
	switch {
	case len(rest) == 0:
		s.others[path] = "it is empty"
	case isSecret:
		value, ok := []byte(rest[0].text), true
		if !rest[0].quoted {
			value, ok = strongswan.DecodeSecret(rest[0].text)
		}
		if !ok {
			s.others[path] = "not hex digits or base64, as its beginning says; you are asked when you connect"
			return
		}
		s.values = append(s.values, strongswan.Secret{Path: path, Kind: kind, Owners: owners, Value: value})
	case slices.Contains(keyTypes, typ):
		k := key{path, strongswan.Named{Path: rest[0].text, Folders: []string{"ipsec.d/private", "private"}}}
		if len(rest) > 1 && rest[1].text != "%prompt" {
			k.file.Password = rest[1].text
		}
		s.keys = append(s.keys, k)
	case typ == "PIN":
		s.others[path] = "a card is found by itself, and its PIN is asked for"
	default:
		s.others[path] = "not known to this version"
	}
}

// enter puts the entries into the report, without their values.
func (s *secrets) enter(r *importer.Report) {
	for _, path := range s.paths {
		r.Secret(r.Add(path, importer.Hidden))
	}
}

// keyFiles gives the files with private keys.
func (s *secrets) keyFiles() (paths []string, files []strongswan.Named) {
	for _, k := range s.keys {
		paths, files = append(paths, k.path), append(files, k.file)
	}
	return paths, files
}

// rest tells of the entries that were not used.
func (s *secrets) rest(r *importer.Report) {
	for path, why := range s.others {
		r.Refuse(path, why)
	}
	for _, path := range s.paths {
		r.Ignore(path, "not used by this connection")
	}
}

// clear forgets the secrets.
func (s *secrets) clear() {
	for i := range s.values {
		clear(s.values[i].Value)
	}
	*s = secrets{}
}

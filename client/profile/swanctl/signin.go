package swanctl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// rounds gives the sections local or remote with whatever behind their name, in the
// order of their rounds.
func rounds(s *section, prefix string) (list []*section) {
	for _, in := range s.sections {
		if strings.HasPrefix(in.name, prefix) {
			list = append(list, in)
		}
	}
	slices.SortStableFunc(list, func(a, b *section) int { return round(a) - round(b) })
	return list
}

func round(s *section) int {
	n, err := strconv.Atoi(s.value("round"))
	if err != nil {
		return 0
	}
	return n
}

// signIn reads how both sides prove who they are.
func (c *connection) signIn() error {
	local, remote := rounds(c.s, "local"), rounds(c.s, "remote")
	if err := c.sharedPost(); err != nil {
		return err
	}
	if len(local) == 0 {
		local = []*section{{name: "local", path: join(c.s.path, "local")}}
		c.Report.Absent(local[0].path, "you sign in with a certificate")
	}
	if len(remote) > 1 {
		return importer.Unsupported("the gateway of %s is to prove itself twice, which this version does not check", c.Name())
	}
	for i, s := range local {
		if err := c.local(s, i > 0); err != nil {
			return err
		}
	}
	if len(remote) == 0 {
		remote = []*section{nil}
	}
	if err := c.remote(remote[0]); err != nil {
		return err
	}
	return c.CheckSignIn()
}

// sharedPost refuses a connection that insists on a post-quantum shared key.
func (c *connection) sharedPost() error {
	if on, _ := strongswan.Switch(c.s.value("ppk_required")); on {
		return importer.Unsupported("%s insists on a post-quantum shared key (RFC 8784), which this version does not do", c.Name())
	}
	c.tell(c.s, "ppk_id", profile.Refused, "post-quantum shared keys are not in this version; the profile does not insist on one")
	c.tell(c.s, "ppk_required", profile.Honoured, "")
	return nil
}

// local reads one way in which the user signs in.
func (c *connection) local(s *section, further bool) error {
	auth := s.value("auth")
	if err := c.SignIn(path(s, "auth"), auth, further); err != nil {
		return err
	}
	c.Report.Absent(path(s, "auth"), "with a certificate")
	id := s.value("id")
	if further {
		f := &c.Profile.Client.Further[len(c.Profile.Client.Further)-1]
		name, reason := strongswan.Identity(id)
		if reason != "" {
			return importer.Unsupported("%s cannot be used: who you are in it, %s, is no identity of this version: %s", c.Name(), path(s, "id"), reason)
		}
		f.Identity = name
		c.tell(s, "id", profile.Honoured, "")
	} else if err := c.ClientIdentity(path(s, "id"), id); err != nil {
		return err
	}
	c.user(s, id, further)
	c.ignore(s, "for IKEv1", "xauth_id")
	c.tell(s, "round", profile.Honoured, "")
	c.tell(s, "pubkeys", profile.Refused, "a key without a certificate is not in this version")
	return c.certificates(s)
}

// user reads the user name, which is the identity where none is given.
func (c *connection) user(s *section, id string, further bool) {
	kind, _ := strongswan.SplitAuth(s.value("auth"))
	name := s.value("eap_id")
	if name == "" && kind == "eap" {
		if plain, reason := strongswan.Identity(id); reason == "" {
			name = strings.TrimLeft(plain, "@")
		}
	}
	if kind == "eap" {
		at := path(s, "eap_id")
		if s.get("eap_id") == nil && name != "" {
			at = path(s, "id")
		}
		c.Username(at, name)
		if t := s.get("aaa_id"); t != nil && !further {
			c.ServerName(t.path, t.value)
		}
	}
	c.ignore(s, "for a sign-in by EAP", "eap_id", "aaa_id")
}

// certificates reads the user's certificate, with the key that the secrets name.
func (c *connection) certificates(s *section) error {
	var paths []string
	var files []strongswan.Named
	for _, f := range certificateFiles(s, "certs", "cert", "x509") {
		paths = append(paths, f.path)
		files = append(files, f.Named)
	}
	c.smartcards(s, "cert")
	if !c.Profile.Client.UsesCertificate() {
		for _, p := range paths {
			c.Report.Ignore(p, "not used by this way to sign in")
		}
		return nil
	}
	if len(c.Profile.Client.Certificates) > 0 {
		return nil
	}
	keys := c.file.keys()
	for _, k := range keys {
		paths = append(paths, k.paths...)
		files = append(files, k.Named)
	}
	if len(files) == 0 {
		c.Report.Absent(join(s.path, "certs"), "you sign in with a certificate of your own, which is looked for when you connect")
		return nil
	}
	return c.Certificate(paths, files...)
}

// smartcards tells of certificates on a card.
func (c *connection) smartcards(s *section, prefix string) {
	for _, in := range s.sections {
		if strings.HasPrefix(in.name, prefix) && in.get("handle") != nil {
			c.tell(in, "handle", profile.Approximated, "on a card: it is looked for there when you connect")
			c.ignore(in, "the card is found by itself", "slot", "module")
		}
	}
}

// named is a file that a key of the settings names.
type named struct {
	strongswan.Named
	path  string
	paths []string // of all keys that belong to it
}

// certificateFiles gives the files in a list, and those in sections of their own.
func certificateFiles(s *section, listName, prefix, folder string) (files []named) {
	if t := s.get(listName); t != nil {
		for _, name := range list(s, listName) {
			files = append(files, named{Named: strongswan.Named{Path: name, Folders: []string{folder}}, path: t.path})
		}
	}
	if s == nil {
		return files
	}
	for _, in := range s.sections {
		if t := in.get("file"); t != nil && strings.HasPrefix(in.name, prefix) {
			files = append(files, named{Named: strongswan.Named{Path: t.value, Folders: []string{folder}}, path: t.path})
		}
	}
	return files
}

// remote reads who the gateway must be.
func (c *connection) remote(s *section) error {
	if s == nil {
		s = &section{name: "remote", path: join(c.s.path, "remote")}
	}
	if err := c.GatewayAuth(path(s, "auth"), s.value("auth")); err != nil {
		return err
	}
	if err := c.GatewayIdentity(path(s, "id"), s.value("id")); err != nil {
		return err
	}
	for _, f := range certificateFiles(s, "certs", "cert", "x509") {
		c.Authorities(f.path, f.Path, f.Folders...)
	}
	for _, f := range certificateFiles(s, "cacerts", "cacert", "x509ca") {
		c.Authorities(f.path, f.Path, f.Folders...)
	}
	c.authorities()
	c.smartcards(s, "c")
	c.constraints(s)
	return nil
}

// authorities reads what the whole file trusts.
func (c *connection) authorities() {
	all := c.file.root.sub("authorities")
	if all == nil {
		return
	}
	for _, a := range all.sections {
		if t := a.get("cacert"); t != nil {
			c.Authorities(t.path, t.value, "x509ca")
		}
		if t := a.get("file"); t != nil {
			c.Authorities(t.path, t.value, "x509ca")
		}
		c.ignore(a, "the certificate itself says whom to ask", "crl_uris", "ocsp_uris", "cert_uri_base")
		c.tell(a, "handle", profile.Refused, "an authority on a card is not read")
	}
}

// constraints reads what else the gateway's certificate must be like.
func (c *connection) constraints(s *section) {
	c.Revocation(path(s, "revocation"), s.value("revocation"))
	for _, name := range []string{"cert_policy", "groups", "ca_id"} {
		if t := s.get(name); t != nil && (name != "ca_id" || !c.Issuer(t.path, t.value)) {
			c.Report.Refuse(t.path, "not looked at in the gateway's certificate by this version")
			c.Report.Lowers(t.path)
		}
	}
	c.tell(s, "pubkeys", profile.Refused, "a key without a certificate is not in this version")
	c.ignore(s, "the usual order is kept", "round")
	c.ignore(s, "for a gateway", "eap_id", "xauth_id")
}

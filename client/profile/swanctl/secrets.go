package swanctl

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// keyFolders are where files of private keys are kept, by the section that names
// them.
var keyFolders = []string{"private", "rsa", "ecdsa", "pkcs8", "pkcs12"}

// keys gives the files with private keys.
func (f *file) keys() (files []named) {
	all := f.root.sub("secrets")
	if all == nil {
		return nil
	}
	for _, s := range all.sections {
		t := s.get("file")
		if t == nil {
			continue
		}
		for _, folder := range keyFolders {
			if strings.HasPrefix(s.name, folder) {
				files = append(files, named{
					Named: strongswan.Named{Path: t.value, Folders: []string{folder}, Password: s.value("secret")},
					path:  t.path, paths: []string{t.path, path(s, "secret")},
				})
				break
			}
		}
	}
	return files
}

// secrets takes the password or the shared key, and tells of all others.
func (c *connection) secrets() error {
	all := c.file.root.sub("secrets")
	if all == nil {
		return nil
	}
	var found []strongswan.Secret
	for _, s := range all.sections {
		kind := strongswan.SecretEAP
		switch {
		case strings.HasPrefix(s.name, "ike"):
			kind = strongswan.SecretPSK
		case strings.HasPrefix(s.name, "eap"):
		case strings.HasPrefix(s.name, "ppk"):
			c.Report.Under(s.path, profile.Refused, "post-quantum shared keys are not in this version")
			continue
		case strings.HasPrefix(s.name, "token"):
			c.Report.Under(s.path, profile.Refused, "a card is found by itself, and its PIN is asked for")
			continue
		default:
			continue
		}
		secret := strongswan.Secret{Path: path(s, "secret"), Kind: kind}
		for _, t := range s.settings {
			if strings.HasPrefix(t.name, "id") && t.value != "" {
				secret.Owners = append(secret.Owners, t.value)
			}
		}
		var ok bool
		if secret.Value, ok = strongswan.DecodeSecret(s.value("secret")); !ok {
			c.Report.Refuse(secret.Path, "not hex digits or base64, as its beginning says; you are asked when you connect")
			continue
		}
		found = append(found, secret)
	}
	if err := c.Take(found); err != nil {
		return err
	}
	for _, s := range all.sections {
		c.Report.Under(s.path, profile.Ignored, "only says whose it is, or is not used by this connection")
	}
	return nil
}

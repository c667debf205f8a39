package profilexml

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// fingerprint says why the fingerprint of an authority is not taken over.
const fingerprint = "only the fingerprint of an authority, which cannot be trusted without its certificate: every authority that this system trusts is trusted; ask for a profile that holds the certificate"

// server reads whom a method over TLS trusts.
func (r *eapReader) server(v *xmltree.Element) error {
	names := v.Child("ServerNames")
	for name := range strings.SplitSeq(names.Value(), ";") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		plain, ok := serverName(name)
		if !ok {
			return importer.Unsupported("%s trusts sign-in servers by the name %s, which this version cannot compare: ask for a profile with plain host names",
				importer.Quote(r.profile.Name), importer.Quote(name))
		}
		if !slices.Contains(r.eap.ServerNames, plain) {
			r.eap.ServerNames = append(r.eap.ServerNames, plain)
		}
	}
	const gatewayName = "the server that signs you in must have the gateway's name"
	switch {
	case len(r.eap.ServerNames) == 0 && names == nil:
		r.report.Absent("ServerNames", gatewayName)
	case len(r.eap.ServerNames) == 0:
		r.report.Approx(names.Path, "empty, so "+gatewayName)
	case strings.ContainsAny(names.Value(), `\^$*+`):
		r.report.Approx(names.Path, "taken as "+strings.Join(r.eap.ServerNames, ", "))
	default:
		r.report.Honour(names.Path, "")
	}
	for i, ca := range slices.Concat(v.All("TrustedRootCA"), v.All("TrustedRootCAHash")) {
		r.report.Refuse(ca.Path, fingerprint)
		if i == 0 && ca.Text != "" {
			r.report.Lowers(ca.Path)
		}
	}
	for _, key := range []string{"DisableUserPromptForServerValidation", "DisablePrompt"} {
		if v.Child(key).True() {
			r.report.Honour(v.Child(key).Path, "nobody may take a server that is not trusted")
		}
		r.report.Approx(v.Child(key).Where(), "nobody may take a server that is not trusted, and nobody is asked")
	}
	return nil
}

// serverName reads a name as Windows writes it: plain, or as a pattern for one
// label in front of a domain.
func serverName(text string) (string, bool) {
	name := strings.TrimSuffix(strings.TrimPrefix(text, "^"), "$")
	name = strings.ReplaceAll(name, `\.`, ".")
	for _, wild := range []string{".*.", ".+.", "[^.]*.", "[^.]+."} {
		if below, ok := strings.CutPrefix(name, wild); ok {
			name = "*." + below
			break
		}
	}
	return name, name != profile.AnyName && profile.ValidServerName(name)
}

// certificate reads which of the employee's certificates is meant.
func (r *eapReader) certificate(s *xmltree.Element) {
	const own = "the one of yours that the gateway accepts, from «homewardctl certificate import» or a smart card; where several fit you are asked once"
	if source := s.Child("CredentialsSource"); source != nil {
		r.report.Under(source.Path, profile.Approximated, own)
	}
	if d := s.Child("DifferentUsername"); d.True() {
		r.report.Approx(d.Path, "the name in the certificate is said")
	} else {
		r.report.Honour(d.Where(), "")
	}
	r.validation(s)
	if filter := s.Child("TLSExtensions"); filter != nil {
		r.report.Under(filter.Path, profile.Approximated, own)
	}
}

// validation reads whether the server is checked at all: it always is.
func (r *eapReader) validation(s *xmltree.Element) {
	if perform := s.Child("PerformServerValidation"); perform.True() {
		r.report.Honour(perform.Path, "")
	} else {
		r.report.Approx(perform.Where(), "the server that signs you in always has to prove who it is")
	}
	if accept := s.Child("AcceptServerName"); accept.True() {
		r.report.Honour(accept.Path, "")
	} else {
		r.report.Approx(accept.Where(), "the name of the server is always compared")
	}
}

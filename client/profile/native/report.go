package native

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// missing stands in the report for a value that is not in the file.
const missing = "not in the file"

// report has a line for each unit of the file, in its order, and then what its
// silence means where a person should know.
func report(units []unit, p *profile.Profile, now time.Time) []profile.Line {
	var lines []profile.Line
	for _, u := range units {
		o := judge(u, p)
		if o.verdict == "" {
			o.verdict = profile.Honoured
		}
		lines = append(lines, profile.Line{
			Path: u.path, Value: profile.CleanText(show(u.value, now), maxShown),
			Verdict: o.verdict, Note: o.note, Lowers: o.lowers,
		})
	}
	return append(lines, absences(p)...)
}

// absences tells what is done where the file says nothing.
func absences(p *profile.Profile) (lines []profile.Line) {
	absent := func(path, note string) {
		lines = append(lines, profile.Line{Path: path, Value: missing, Verdict: profile.Approximated, Note: note})
	}
	if p.Gateway.Auth == profile.GatewayCertificate {
		if p.Gateway.CertificateName == "" && p.Gateway.Identity == "" {
			absent("gateway.certificate_name", "the gateway's certificate must be for "+p.Gateway.Address)
		}
		if len(p.Gateway.Anchors) == 0 {
			absent("gateway.anchors", "the authorities that this system trusts are trusted")
		}
	}
	return append(lines, signInAbsences(p)...)
}

// signInAbsences tells what is done where the file does not say who signs in, and
// to whom.
func signInAbsences(p *profile.Profile) (lines []profile.Line) {
	absent := func(path, note string) {
		lines = append(lines, profile.Line{Path: path, Value: missing, Verdict: profile.Approximated, Note: note})
	}
	first, _ := p.Client.SignIn()
	if first.Username() && p.Client.Username == "" {
		absent("client.username", "you are asked for your user name when you connect")
	}
	if p.Client.UsesCertificate() && len(p.Client.Certificates) == 0 {
		absent("client.certificates", "you sign in with a certificate of your own, which is looked for when you connect")
	}
	server := func(at string, e profile.EAP) {
		if e.OverTLS() && len(e.ServerNames) == 0 {
			absent(at+".server_names", "the server that signs you in must have the gateway's name, "+p.Gateway.Name())
		}
	}
	server("client.eap", first)
	for i, f := range p.Client.Further {
		e, _ := f.SignIn()
		server(fmt.Sprintf("client.further[%d].eap", i), e)
	}
	return lines
}

// show writes a value of the file for a person.
func show(value any, now time.Time) string {
	switch v := value.(type) {
	case [][]byte:
		return joined(v, func(der []byte) string { return describe(der, now) }, "; ")
	case []netip.Prefix:
		return joined(v, netip.Prefix.String, ", ")
	case []netip.Addr:
		return joined(v, netip.Addr.String, ", ")
	case []string:
		return strings.Join(v, ", ")
	case []profile.Quirk:
		return joined(v, word, ", ")
	case []profile.EAPMethod:
		return joined(v, word, ", ")
	case []profile.InnerMethod:
		return joined(v, word, ", ")
	case profile.Proposal:
		words := []string{v.Encryption}
		for _, w := range []string{v.Integrity, v.PRF, v.Group} {
			if w != "" {
				words = append(words, w)
			}
		}
		return strings.Join(words, " ")
	case profile.Duration:
		return time.Duration(v).String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return fmt.Sprint(v)
	}
}

func word[T ~string](w T) string { return string(w) }

func joined[T any](list []T, word func(T) string, between string) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = word(e)
	}
	return strings.Join(words, between)
}

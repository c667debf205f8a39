package mobileconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Export writes a profile for Apple's devices, as an XML property list that is not
// signed, with a report of what they will not understand: a line for each field of
// the profile, found by reading the file again. The error is a
// *profile.ExportError.
//
// The flow: profile -> who signs in to whom (export_signin.go) -> algorithms
// (export_sa.go) -> traffic, names and rules (export_traffic.go) -> property list
// (export_xml.go) -> read again -> what differs.
func Export(p profile.Profile, o profile.ExportOptions) ([]byte, []profile.Line, error) {
	if err := p.Validate(); err != nil {
		return nil, nil, &profile.ExportError{Sentence: fmt.Sprintf("the profile %s is not valid and cannot be written", quote(p.Name)), Err: err}
	}
	w := &writer{profile: &p, options: o}
	if err := w.signIn(); err != nil {
		return nil, nil, err
	}
	w.algorithms()
	w.traffic()
	w.demand()
	text := w.document()
	again, err := ParseWith(text, profile.ImportOptions{AskPassword: func(string, int) ([]byte, error) { return bytes.Clone(o.Password), nil }})
	if err != nil {
		return nil, nil, &profile.ExportError{Sentence: fmt.Sprintf("the profile %s cannot be written as an Apple configuration profile", quote(p.Name)), Err: err}
	}
	again[0].Secrets.Clear()
	return text, append(profile.Losses(&p, &again[0].Profile, losses, lowering...), w.secrets...), nil
}

// losses say what it means that Apple's devices do not know a field.
var losses = map[string]string{
	"gateway.port":               "Apple's devices begin on port 500",
	"gateway.identity":           "Apple's devices always say whom they mean",
	"gateway.pins":               "Apple's devices compare no keys",
	"gateway.revocation":         "Apple's devices ask, and a silent answer blocks nothing",
	"gateway.quirks":             "Apple's devices know no such gateways",
	"gateway.intermediates":      "the gateway has to send them itself",
	"client.auth":                "Apple's devices sign in by a certificate, a shared key, or a user name and a password (MSCHAPv2)",
	"client.certificates":        "a private key is written only under a password; choose the certificate on the device",
	"client.certificate_issuers": "the certificate is chosen on the device",
	"client.token":               "the certificate is chosen on the device",
	"client.eap":                 "Apple's devices do MSCHAPv2 and TLS inside IKEv2, and trust the same authorities there",
	"client.eap_only":            "Apple's devices want a certificate of the gateway, or TLS inside EAP",
	"ike.proposals":              "Apple's devices offer one set of algorithms, from a list of their own",
	"child.proposals":            "Apple's devices offer one set of algorithms, from a list of their own",
	"ike.strict":                 "Apple's devices offer one set of algorithms and no others",
	"child.strict":               "Apple's devices offer one set of algorithms and no others",
	"ike.lifetime":               "Apple's devices take whole minutes, 10 to 1440, beside algorithms",
	"child.lifetime":             "Apple's devices take whole minutes, 10 to 1440, beside algorithms",
	"traffic.include":            "Apple's devices ask the gateway which networks it serves",
	"traffic.exclude":            "Apple's devices send these through the tunnel too",
	"traffic.accept_pushed":      "Apple's devices ask the gateway which networks it serves",
	"traffic.mtu":                "Apple's devices take 1280 to 1400",
	"traffic.kill_switch":        "Apple's devices block only where everything goes through the tunnel",
	"dns.accept_pushed":          "Apple's devices take the names that the gateway names where not all go through the tunnel",
	"session.liveness":           "Apple's devices take never, 1, 10 or 30 minutes",
	"session.nat_keepalive":      "Apple's devices take 20 seconds and more",
	"on_demand.when":             "Apple's devices connect by rules, when a person is signed in",
	"on_demand.rules":            "Apple's devices connect by rules: the last one connects in every other network",
}

// lowering are the fields whose loss takes a protection away.
var lowering = []string{
	"gateway.pins", "gateway.revocation", "client.eap.server_names", "client.eap.anchors", "traffic.kill_switch", "traffic.local_network",
}

// writer is a profile on its way to a file.
type writer struct {
	profile      *profile.Profile
	options      profile.ExportOptions
	ike, vpn     keyed
	certificates []keyed        // payloads
	secrets      []profile.Line // which stand in the file
}

// reverseDNS is what an identifier of Apple's looks like.
var reverseDNS = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// identifier is the file's own, so that it replaces what it came from, or one that
// stays the same for the profile.
func (w *writer) identifier() string {
	o := w.profile.Origin
	if o.Identifier != "" && (o.Format == Format || reverseDNS.MatchString(o.Identifier)) {
		return o.Identifier
	}
	return "homeward.profile." + w.profile.ID
}

// uuid is one that stays the same for a part of the profile (RFC 9562 5.8).
func (w *writer) uuid(part string) string {
	sum := sha256.Sum256([]byte(w.profile.ID + " " + part))
	sum[6], sum[8] = sum[6]&0x0F|0x80, sum[8]&0x3F|0x80
	id := strings.ToUpper(hex.EncodeToString(sum[:16]))
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

// payload begins a payload with what each must have.
func (w *writer) payload(typ, part, name string) keyed {
	d := keyed{}
	d.set("PayloadType", typ)
	d.set("PayloadVersion", 1)
	d.set("PayloadIdentifier", w.identifier()+"."+part)
	d.set("PayloadUUID", w.uuid(part))
	d.set("PayloadDisplayName", name)
	return d
}

// document puts the payloads into a profile.
func (w *writer) document() []byte {
	p := w.profile
	vpn := w.payload(typeVPN, "vpn", p.Name)
	vpn.set("UserDefinedName", p.Name)
	vpn.set("VPNType", "IKEv2")
	vpn.set("IKEv2", w.ike)
	vpn = append(vpn, w.vpn...)
	content := []any{vpn}
	for _, c := range w.certificates {
		content = append(content, c)
	}
	top := w.payload(typeProfile, "profile", p.Name)
	top.set("PayloadIdentifier", w.identifier())
	top.setText("PayloadOrganization", p.Origin.Organization)
	top.setText("PayloadDescription", p.Origin.Description)
	top.set("PayloadContent", content)
	return top.document()
}

// sessionKeys writes how the line behaves over time.
func (w *writer) sessionKeys() {
	s := w.profile.Session
	for rate, d := range livenessRates {
		if live := time.Duration(s.Liveness); live == d || d < 0 && live < 0 {
			w.ike.set("DeadPeerDetectionRate", rate)
		}
	}
	if d := time.Duration(s.NATKeepalive); d >= minKeepalive && d <= maxKeepalive && d%time.Second == 0 {
		w.ike.set("NATKeepAliveInterval", int(d/time.Second))
	}
	w.ike.setFlag("DisableMOBIKE", s.NoMOBIKE)
	w.ike.setFlag("DisableRedirect", s.NoRedirect)
}

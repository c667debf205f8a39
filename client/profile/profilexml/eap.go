package profilexml

import (
	"strconv"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/winras"
	"github.com/homeward-vpn/homeward/client/profile/xmltree"
)

// eapReader reads EapHostConfig into the model. Each method has elements of a
// namespace of its own; they are told apart by their names alone.
type eapReader struct {
	*connection
	eap *profile.EAP
}

// outerType gives the number of the method, and the element that says it.
func outerType(host *xmltree.Element) (int, *xmltree.Element) {
	for _, at := range []*xmltree.Element{host.At("EapMethod", "Type"), host.At("Config", "Eap", "Type")} {
		if n, err := strconv.Atoi(at.Value()); err == nil {
			return n, at
		}
	}
	return 0, nil
}

// outer reads the method that the gateway, or a server behind it, begins with.
func (r *eapReader) outer(number int, at, host *xmltree.Element) error {
	m, name, ok := winras.Method(number)
	if !ok {
		return importer.Unsupported("%s signs you in by %s (EAP type %d), which this version does not do; ask for a profile with EAP-TLS, PEAP, TTLS or a password",
			importer.Quote(r.profile.Name), name, number)
	}
	r.eap.Methods = []profile.EAPMethod{m}
	note, lowers := winras.Judge(m)
	r.report.Honour(at.Path, note)
	if lowers {
		r.report.Lowers(at.Path)
	}
	config := host.Child("Config")
	var err error
	switch settings := config.At("Eap", "EapType"); m {
	case profile.EAPTLS:
		if err = r.server(settings.Child("ServerValidation")); err == nil {
			r.certificate(settings)
		}
	case profile.EAPPEAP:
		err = r.peap(settings)
	case profile.EAPTTLS:
		err = r.ttls(config.Child("EapTtls"))
	case profile.EAPMSCHAPv2:
		r.password(settings)
	}
	if err != nil {
		return err
	}
	if blob := host.Child("ConfigBlob"); blob != nil {
		r.report.Approx(blob.Path, "settings in Windows' own binary form, which is not read: the server that signs you in must have the gateway's name")
	}
	r.structure(host)
	return nil
}

// structure tells what only holds the settings together.
func (r *eapReader) structure(host *xmltree.Element) {
	host.Walk(func(e *xmltree.Element) {
		switch e.Name {
		case "VendorId", "VendorType", "AuthorId":
			r.report.Ignore(e.Path, "names whose method it is")
		case "Type":
			r.report.Ignore(e.Path, "says the same again")
		}
	})
	if m := host.Child("EapMethod"); m != nil {
		r.report.Under(m.Path, profile.Ignored, "names whose method it is")
	}
}

// peap reads what is inside PEAP.
func (r *eapReader) peap(s *xmltree.Element) error {
	if err := r.server(s.Child("ServerValidation")); err != nil {
		return err
	}
	inner := s.Child("Eap")
	kind := inner.Child("Type")
	switch kind.Value() {
	case "26", "":
		r.eap.Inner = []profile.InnerMethod{profile.InnerMSCHAPv2}
		r.password(inner.Child("EapType"))
	case "13":
		r.eap.Inner = []profile.InnerMethod{profile.InnerTLS}
		r.certificate(inner.Child("EapType"))
		if v := inner.At("EapType", "ServerValidation"); v != nil {
			for _, ca := range v.All("TrustedRootCA") {
				r.report.Refuse(ca.Path, fingerprint)
			}
			r.report.Under(v.Path, profile.Approximated, "the server is the one outside, and is held to the same")
		}
	case "6":
		r.eap.Inner = []profile.InnerMethod{profile.InnerGTC}
	default:
		return importer.Unsupported("%s signs you in by EAP type %s inside PEAP, which this version does not do; ask for a profile with a password or a certificate there",
			importer.Quote(r.profile.Name), importer.Quote(kind.Value()))
	}
	r.report.Honour(kind.Where(), "")
	r.report.Ignore(s.Child("FastReconnect").Where(), "each sign-in is a whole one")
	r.report.Ignore(s.Child("EnableQuarantineChecks").Where(), "no state of health is told")
	r.report.Approx(s.Child("InnerEapOptional").Where(), "there is always a sign-in inside")
	if binding := s.Child("RequireCryptoBinding"); binding.True() {
		r.report.Honour(binding.Path, "")
	} else {
		r.report.Approx(binding.Where(), "the server has to prove all the same that it sees your sign-in and the TLS around it at one end")
	}
	extensions := s.Child("PeapExtensions")
	r.validation(extensions)
	r.privacy(extensions.Child("IdentityPrivacy"), "EnableIdentityPrivacy", "AnonymousUserName")
	return nil
}

// phases are the sign-ins inside TTLS by the elements that stand for them.
var phases = map[string]profile.InnerMethod{
	"PAPAuthentication": profile.InnerPAP, "CHAPAuthentication": profile.InnerCHAP,
	"MSCHAPAuthentication": profile.InnerMSCHAP, "MSCHAPv2Authentication": profile.InnerMSCHAPv2,
}

// innerEAP are the EAP methods inside TTLS, by their numbers.
var innerEAP = map[int]profile.InnerMethod{
	4: profile.InnerEAPMD5, 6: profile.InnerEAPGTC, 13: profile.InnerEAPTLS, 26: profile.InnerEAPMSCHAPv2,
}

// ttls reads what is inside TTLS.
func (r *eapReader) ttls(s *xmltree.Element) error {
	if err := r.server(s.Child("ServerValidation")); err != nil {
		return err
	}
	r.privacy(s.Child("Phase1Identity"), "IdentityPrivacy", "AnonymousIdentity")
	phase := s.Child("Phase2Authentication")
	if phase == nil || len(phase.Children) == 0 {
		r.report.Absent("Phase2Authentication", "MSCHAPv2 is used inside TTLS")
		return nil
	}
	for _, c := range phase.Children {
		if in, known := phases[c.Name]; known {
			r.eap.Inner = []profile.InnerMethod{in}
			note := ""
			if in == profile.InnerPAP {
				note = "the server that signs you in reads the password as you typed it"
			}
			r.report.Honour(c.Path, note)
			r.password(c)
			return nil
		}
	}
	number, at := outerType(phase.Child("EapHostConfig"))
	if n, err := strconv.Atoi(phase.At("Eap", "Type").Value()); at == nil && err == nil {
		number, at = n, phase.At("Eap", "Type")
	}
	in, known := innerEAP[number]
	if !known {
		return importer.Unsupported("%s signs you in by a method inside TTLS that this version does not do; ask for a profile with a password or a certificate there", importer.Quote(r.profile.Name))
	}
	r.eap.Inner = []profile.InnerMethod{in}
	r.report.Honour(at.Path, "")
	r.report.Under(phase.Path, profile.Approximated, "the method inside TTLS takes what fits the one outside")
	return nil
}

// privacy reads the name that is said outside TLS.
func (r *eapReader) privacy(s *xmltree.Element, enabled, name string) {
	on := s.Child(enabled)
	if on != nil && !on.True() {
		r.report.Approx(on.Path, "where only your realm is needed outside TLS, only that is said")
		r.report.Ignore(s.Child(name).Where(), "it is not enabled")
		return
	}
	r.report.Honour(on.Where(), "")
	if outer := profile.CleanText(s.Child(name).Value(), 256); outer != "" {
		r.eap.OuterIdentity = outer
		r.report.Honour(s.Child(name).Path, "")
		return
	}
	r.report.Approx(s.Child(name).Where(), "empty, so only your realm is said")
}

// password reads whose name and password it is.
func (r *eapReader) password(s *xmltree.Element) {
	for _, key := range []string{"UseWinLogonCredentials", "UseWinlogonCredentials"} {
		if v := s.Child(key); v.True() {
			r.report.Approx(v.Path, "you are asked for your user name and password, which can be kept in your keychain")
		} else {
			r.report.Honour(v.Where(), "")
		}
	}
}

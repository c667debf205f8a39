package viewmodel

import (
	"crypto/x509"
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
)

// What a profile says, in plain words.

// The keys of what a person signs in with.
const (
	withPassword    = "sign-in.password"
	withCertificate = "sign-in.certificate"
	withCard        = "sign-in.card"
	withCode        = "sign-in.code"
	withPSK         = "sign-in.psk"
)

// signIn says what the person signs in with, and as whom.
func (t texts) signIn(c *profile.Client) string {
	words := t.signInBy(c.Auth, c.EAP, c.Token != "")
	for i := range c.Further {
		words = t.upTo("sign-in.then", MaxText/4, data{"First": words, "Then": t.signInBy(c.Further[i].Auth, c.Further[i].EAP, false)})
	}
	if c.Username != "" {
		words = t.upTo("sign-in.as", MaxText/4, data{"How": words, "User": Clean(c.Username, maxName)})
	}
	return words
}

func (t texts) signInBy(auth profile.ClientAuth, e profile.EAP, card bool) string {
	certificate := withCertificate
	if card {
		certificate = withCard
	}
	switch auth {
	case profile.ClientCertificate:
		return t.s(certificate)
	case profile.ClientPSK:
		return t.s(withPSK)
	}
	settings, _ := profile.EAPOf(auth, e)
	var keys []string
	add := func(key string) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, m := range settings.Methods {
		switch m {
		case profile.EAPTLS:
			add(certificate)
		case profile.EAPGTC:
			add(withCode)
		case profile.EAPTTLS, profile.EAPPEAP:
			for _, in := range settings.InnerOf(m) {
				add(innerKey(in, certificate))
			}
		default:
			add(withPassword)
		}
	}
	if len(keys) == 0 {
		return t.s(withPassword)
	}
	words := t.s(keys[0])
	for _, key := range keys[1:] {
		words = t.upTo("sign-in.or", MaxText/4, data{"First": words, "Or": t.s(key)})
	}
	return words
}

func innerKey(in profile.InnerMethod, certificate string) string {
	switch in {
	case profile.InnerEAPTLS, profile.InnerTLS:
		return certificate
	case profile.InnerEAPGTC, profile.InnerGTC:
		return withCode
	}
	return withPassword
}

// wanted says what a profile wants to go through the line.
func (t texts) wanted(w profile.Traffic) string {
	if w.Full {
		if len(w.Exclude) > 0 {
			return t.upTo("wanted.everything-but", MaxText/2, data{"Networks": t.nets(w.Exclude, mostNames)})
		}
		return t.s("through.everything")
	}
	switch {
	case len(w.Include) == 0:
		return t.s("wanted.pushed")
	case w.AcceptPushed:
		return t.upTo("wanted.pushed-and", MaxText/2, data{"Networks": t.nets(w.Include, mostNames)})
	}
	return t.upTo("wanted.only", MaxText/2, data{"Networks": t.nets(w.Include, mostNames)})
}

// byItself says when a line comes without anybody asking.
func (t texts) byItself(o profile.OnDemand) string {
	words := t.s("always." + whenWord(o.When) + ".sentence")
	if len(o.Rules) == 0 || o.When == profile.WhenNever {
		return words
	}
	return t.upTo("always.with-rules", MaxText/2, data{"Sentence": words, "Count": len(o.Rules)})
}

// rule says what a rule does and where.
func (t texts) rule(r profile.Rule) string {
	where := t.where(r)
	switch r.Action {
	case profile.RuleConnect:
		return t.upTo("rule.connect", MaxText/2, data{"Where": where})
	case profile.RuleDisconnect:
		return t.upTo("rule.disconnect", MaxText/2, data{"Where": where})
	case profile.RuleEvaluate:
		var names []string
		for _, d := range r.Domains {
			if d.Action == profile.DomainIfNeeded {
				names = append(names, d.Domains...)
			}
		}
		if len(names) > 0 {
			return t.upTo("rule.evaluate", MaxText/2, data{"Where": where, "Names": t.list(cleanAll(names), mostNames)})
		}
	}
	return t.upTo("rule.ignore", MaxText/2, data{"Where": where})
}

// where names the networks that a rule is for.
func (t texts) where(r profile.Rule) string {
	var list []string
	switch r.Interface {
	case profile.RuleWiFi, profile.RuleEthernet, profile.RuleCellular:
		list = append(list, t.s("where."+string(r.Interface)))
	}
	for _, w := range []struct {
		key   string
		names []string
	}{{"where.ssids", r.SSIDs}, {"where.domains", r.DNSDomains}, {"where.servers", r.DNSServers}} {
		if len(w.names) > 0 {
			list = append(list, t.upTo(w.key, MaxText/8, data{"Names": t.list(cleanAll(w.names), mostNames)}))
		}
	}
	if r.ProbeURL != "" {
		list = append(list, t.with("where.probe", data{"Names": r.ProbeURL}))
	}
	if len(list) == 0 {
		return t.s("where.any")
	}
	return t.list(list, len(list))
}

// whenWord is the translations' word for a When.
func whenWord(w profile.When) string {
	switch w {
	case profile.WhenRules, profile.WhenLogin, profile.WhenBoot, profile.WhenAlways:
		return string(w)
	}
	return "never"
}

// authorityName is what an authority calls itself.
func authorityName(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "–"
	}
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

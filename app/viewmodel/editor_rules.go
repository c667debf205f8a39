package viewmodel

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The fields of the form.
const (
	FieldName        FieldID = "name"
	FieldAddress     FieldID = "address"
	FieldSignIn      FieldID = "sign-in"
	FieldUsername    FieldID = "username"
	FieldAnchors     FieldID = "anchors"
	FieldGatewayName FieldID = "gateway-name"
	FieldThrough     FieldID = "through"
	FieldInclude     FieldID = "include"
	FieldExclude     FieldID = "exclude"
	FieldDomains     FieldID = "domains"
	FieldDNSServers  FieldID = "dns-servers"
	FieldWhen        FieldID = "when"
	FieldKillSwitch  FieldID = "kill-switch"
	FieldLocal       FieldID = "local-network"
	FieldRemoteID    FieldID = "remote-id"
	FieldLocalID     FieldID = "local-id"
)

// The groups of the form, in order.
var formGroups = []struct {
	word string
	rare bool
}{{"connection", false}, {"gateway", true}, {"traffic", true}, {"itself", true}, {"identities", true}}

// formRule is one field: where it stands in the profile, and how it comes in and out.
type formRule struct {
	id      FieldID
	kind    FieldKind
	group   string
	paths   []string // in the profile's JSON form
	also    []string // what changing it changes too: locked, it is locked
	help    bool
	get     func(*profile.Profile) string
	set     func(*profile.Profile, string) problem
	shown   func(Draft) bool
	options func(Draft) []string
	hint    func(Draft) string
}

func always(Draft) bool { return true }

var none problem

// formRules are all fields. A later one may rely on what an earlier one has set.
var formRules = []formRule{
	{id: FieldName, kind: FieldText, group: "connection", paths: []string{"name"}, shown: always,
		get: func(p *profile.Profile) string { return p.Name }, set: setName},
	{id: FieldAddress, kind: FieldText, group: "connection", paths: []string{"gateway.address"}, shown: always, help: true,
		get: func(p *profile.Profile) string { return p.Gateway.Address }, set: setAddress,
		hint: func(Draft) string { return "vpn.example.com" }},
	{id: FieldSignIn, kind: FieldChoice, group: "connection", paths: []string{"client.auth", "client.eap", "client.further", "client.token", "gateway.auth"}, shown: always, help: true,
		also: []string{"client.certificates", "client.certificate_issuers", "client.eap_only", "gateway.pins", "gateway.revocation"}, get: signInWord, set: setSignIn, options: signInOptions},
	{id: FieldUsername, kind: FieldText, group: "connection", paths: []string{"client.username"}, shown: takesName, help: true,
		get: func(p *profile.Profile) string { return p.Client.Username }, set: setText(func(p *profile.Profile) *string { return &p.Client.Username })},

	{id: FieldAnchors, kind: FieldFile, group: "gateway", paths: []string{"gateway.anchors"}, shown: byGatewayCertificate, help: true,
		get: func(p *profile.Profile) string { return asPEM(p.Gateway.Anchors) }, set: setAnchors},
	{id: FieldGatewayName, kind: FieldText, group: "gateway", paths: []string{"gateway.certificate_name"}, shown: byGatewayCertificate, help: true,
		get:  func(p *profile.Profile) string { return p.Gateway.CertificateName },
		set:  setText(func(p *profile.Profile) *string { return &p.Gateway.CertificateName }),
		hint: func(d Draft) string { return d.values[FieldAddress] }},

	{id: FieldThrough, kind: FieldChoice, group: "traffic", paths: []string{"traffic.full", "traffic.accept_pushed"}, shown: always,
		also: []string{"traffic.include"}, get: throughWord, set: setThrough, options: func(Draft) []string { return []string{throughAll, throughPushed, throughOnly} }},
	{id: FieldInclude, kind: FieldLines, group: "traffic", paths: []string{"traffic.include"}, help: true,
		shown: func(d Draft) bool { return d.values[FieldThrough] == throughOnly },
		get:   func(p *profile.Profile) string { return prefixLines(p.Traffic.Include) },
		set:   setInclude, hint: func(Draft) string { return "10.0.0.0/8" }},
	{id: FieldExclude, kind: FieldLines, group: "traffic", paths: []string{"traffic.exclude"}, shown: always, help: true,
		get: func(p *profile.Profile) string { return prefixLines(p.Traffic.Exclude) },
		set: setPrefixes(func(p *profile.Profile) *[]netip.Prefix { return &p.Traffic.Exclude })},
	{id: FieldDomains, kind: FieldLines, group: "traffic", paths: []string{"dns.domains"}, shown: always, help: true,
		get: func(p *profile.Profile) string { return strings.Join(p.DNS.Domains, "\n") }, set: setDomains},
	{id: FieldDNSServers, kind: FieldLines, group: "traffic", paths: []string{"dns.servers"}, shown: always, help: true,
		get: func(p *profile.Profile) string { return strings.Join(addrs(p.DNS.Servers), "\n") }, set: setServers},

	{id: FieldWhen, kind: FieldChoice, group: "itself", paths: []string{"on_demand.when"}, shown: always,
		get: func(p *profile.Profile) string { return string(p.OnDemand.When) }, set: setWhen, options: whenOptions},
	{id: FieldKillSwitch, kind: FieldChoice, group: "itself", paths: []string{"traffic.kill_switch"}, shown: always,
		get: func(p *profile.Profile) string { return string(p.Traffic.KillSwitch) },
		set: func(p *profile.Profile, v string) problem { p.Traffic.KillSwitch = profile.KillSwitch(v); return none },
		options: func(Draft) []string {
			return []string{string(profile.KillSwitchDefault), string(profile.KillSwitchOff), string(profile.KillSwitchOn)}
		}},
	{id: FieldLocal, kind: FieldChoice, group: "itself", paths: []string{"traffic.local_network"}, shown: always,
		get: func(p *profile.Profile) string { return string(p.Traffic.LocalNetwork) },
		set: func(p *profile.Profile, v string) problem {
			p.Traffic.LocalNetwork = profile.LocalNetwork(v)
			return none
		},
		options: func(Draft) []string {
			return []string{string(profile.LocalDefault), string(profile.LocalRefuse), string(profile.LocalAllow)}
		}},

	{id: FieldRemoteID, kind: FieldText, group: "identities", paths: []string{"gateway.identity"}, shown: always, help: true,
		get: func(p *profile.Profile) string { return p.Gateway.Identity }, set: setText(func(p *profile.Profile) *string { return &p.Gateway.Identity })},
	{id: FieldLocalID, kind: FieldText, group: "identities", paths: []string{"client.identity"}, shown: always, help: true,
		get: func(p *profile.Profile) string { return p.Client.Identity }, set: setText(func(p *profile.Profile) *string { return &p.Client.Identity })},
}

func ruleOf(id FieldID) *formRule {
	if i := slices.IndexFunc(formRules, func(r formRule) bool { return r.id == id }); i >= 0 {
		return &formRules[i]
	}
	return nil
}

func setName(p *profile.Profile, v string) problem {
	v = strings.TrimSpace(v)
	switch {
	case v == "":
		return problem{"problem.name.missing", nil}
	case len(v) > profile.MaxName || profile.CleanName(v) != v:
		return problem{"problem.name.bad", nil}
	}
	p.Name = v
	return none
}

func setAddress(p *profile.Profile, v string) problem {
	v = strings.TrimSpace(v)
	_, err := netip.ParseAddr(v)
	switch {
	case v == "":
		return problem{"problem.address.missing", nil}
	case err != nil && !profile.ValidHostname(v):
		return problem{"problem.address.bad", nil}
	}
	p.Gateway.Address = v
	return none
}

func setText(field func(*profile.Profile) *string) func(*profile.Profile, string) problem {
	return func(p *profile.Profile, v string) problem {
		*field(p) = strings.TrimSpace(v)
		return none
	}
}

// The choices of what goes through.
const (
	throughAll    = "everything"
	throughPushed = "pushed"
	throughOnly   = "only"
)

func throughWord(p *profile.Profile) string {
	switch {
	case p.Traffic.Full:
		return throughAll
	case len(p.Traffic.Include) == 0:
		return throughPushed
	}
	return throughOnly
}

func setThrough(p *profile.Profile, v string) problem {
	p.Traffic.Full = v == throughAll
	if v == throughPushed {
		p.Traffic.AcceptPushed, p.Traffic.Include = true, nil
	}
	return none
}

func setInclude(p *profile.Profile, v string) problem {
	if strings.TrimSpace(v) == "" {
		return problem{"problem.include.missing", nil}
	}
	return setPrefixes(func(p *profile.Profile) *[]netip.Prefix { return &p.Traffic.Include })(p, v)
}

// setPrefixes reads networks, one on each line; an address stands for itself.
func setPrefixes(field func(*profile.Profile) *[]netip.Prefix) func(*profile.Profile, string) problem {
	return func(p *profile.Profile, v string) problem {
		var list []netip.Prefix
		for _, word := range words(v) {
			net, err := netip.ParsePrefix(word)
			if a, e := netip.ParseAddr(word); e == nil && a.Zone() == "" {
				net, err = netip.PrefixFrom(a, a.BitLen()), nil
			}
			if err != nil {
				return problem{"problem.network", data{"Value": word}}
			}
			list = append(list, net.Masked())
		}
		*field(p) = list
		return none
	}
}

func setDomains(p *profile.Profile, v string) problem {
	list := words(v)
	for i, word := range list {
		list[i] = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(word, "*."), "."))
		if !profile.ValidHostname(list[i]) || profile.PublicSuffix(list[i]) {
			return problem{"problem.domain", data{"Value": word}}
		}
	}
	p.DNS.Domains = list
	return none
}

func setServers(p *profile.Profile, v string) problem {
	var list []netip.Addr
	for _, word := range words(v) {
		a, err := netip.ParseAddr(word)
		if err != nil || a.Zone() != "" {
			return problem{"problem.server", data{"Value": word}}
		}
		list = append(list, a)
	}
	p.DNS.Servers = list
	return none
}

// words are what stands between line breaks, spaces and commas.
func words(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ';' || r <= ' ' })
}

func prefixLines(list []netip.Prefix) string {
	var lines []string
	for _, p := range list {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

func setWhen(p *profile.Profile, v string) problem {
	p.OnDemand.When = profile.When(v)
	return none
}

// whenOptions leaves out what wants rules that are not there, and what only an
// administrator can set up, unless it is so already.
func whenOptions(d Draft) []string { return whenChoices(d.base.OnDemand) }

func whenChoices(o profile.OnDemand) []string {
	list := []string{string(profile.WhenNever), string(profile.WhenLogin)}
	if len(o.Rules) > 0 {
		list = append(list, string(profile.WhenRules))
	}
	if o.When.BeforeLogin() {
		list = append(list, string(profile.WhenBoot), string(profile.WhenAlways))
	}
	return list
}

// setAnchors takes certificates of authorities over from a file, PEM or DER.
func setAnchors(p *profile.Profile, v string) problem {
	list, ok := certificates([]byte(v))
	if !ok {
		return problem{"problem.anchors", nil}
	}
	p.Gateway.Anchors = list
	return none
}

func certificates(file []byte) (list [][]byte, ok bool) {
	if len(bytes.TrimSpace(file)) == 0 {
		return nil, true
	}
	if !bytes.Contains(file, []byte("-----BEGIN")) {
		c, err := x509.ParseCertificate(file)
		if err != nil {
			return nil, false
		}
		return [][]byte{c.Raw}, true
	}
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, false
		}
		list = append(list, c.Raw)
	}
	return list, len(list) > 0
}

func asPEM(list [][]byte) string {
	var b bytes.Buffer
	for _, der := range list {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return ""
		}
	}
	return b.String()
}

// fileWords names the authorities in a file.
func fileWords(t texts, file string) string {
	list, ok := certificates([]byte(file))
	if !ok || len(list) == 0 {
		return ""
	}
	var names []string
	for _, der := range list {
		names = append(names, Clean(authorityName(der), maxName))
	}
	return t.list(names, mostNames)
}

package lab

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"text/template"
	"time"
)

// Pools says which families of addresses the gateway hands out.
type Pools string

// The choices.
const (
	BothPools Pools = "" // IPv4 and IPv6
	IPv4Pool  Pools = "v4"
	IPv6Pool  Pools = "v6"
	NoPool    Pools = "none" // the gateway answers no address at all
)

// The employees that the gateway knows unless the options say otherwise.
const (
	UserName     = "alice"
	UserPassword = "correct horse battery staple"
	EmployeeMail = "alice@corp.example"
	SharedKey    = "a shared key of the lab"
)

// GatewayOptions shape the gateway. The zero value is a gateway as a good
// administrator would set it up. Raw lines are strongSwan's own language.
type GatewayOptions struct {
	// Users of EAP-MSCHAPv2, name to password; nil: UserName with
	// UserPassword; empty and not nil: EAP is off.
	Users          map[string]string
	EAPMethod      string // strongSwan's name after "eap-", radius among them; empty: mschapv2
	NoCertificates bool   // do not let employees in by certificate
	PSK            string // empty: SharedKey
	NoPSK          bool

	Certificate ServerCertificate
	Key         KeyType // of the gateway's certificate
	// Identity is the gateway's IDr; empty: GatewayName. "%any" answers
	// with whatever the client asked for.
	Identity string

	IKEProposals string // strongSwan's words; empty: AEAD and CBC, modern groups
	ESPProposals string

	Pools Pools
	NoDNS bool // hand out no DNS servers
	// Subnets are sent as INTERNAL_IP4_SUBNET and INTERNAL_IP6_SUBNET.
	Subnets []string
	// Domains are sent as INTERNAL_DNS_DOMAIN, one attribute each.
	Domains []string
	// Split: traffic selectors are the intranet's networks only.
	Split bool

	// Children are what the first IKE_AUTH and later exchanges may make a Child
	// SA of, one each; nil: one for everything (or for Split), named net.
	Children []Child
	// Rounds: everybody signs in twice, by certificate and then by EAP
	// (RFC 4739); no other way leads in.
	Rounds bool
	// Childless is strongSwan's word for RFC 6023: allow, force or never;
	// empty: allow.
	Childless string
	NoMOBIKE  bool
	// Unique is strongSwan's word for a second IKE SA of the same user: no,
	// never, keep or replace; empty: replace.
	Unique string

	// Soft lifetimes on the gateway's side; 0: hours.
	RekeyIKE, RekeyChild time.Duration
	// Reauth is how long an IKE SA may last before its user must sign in anew;
	// the gateway says so in AUTH_LIFETIME (RFC 4478). 0: for ever.
	Reauth time.Duration
	// Overtime is how long after RekeyIKE or Reauth the gateway ends an IKE SA
	// that nobody has replaced; 0: ten minutes.
	Overtime        time.Duration
	Liveness        time.Duration // the gateway's dead peer detection; 0: never
	NoFragmentation bool
	// AlwaysCookie: answer every IKE_SA_INIT with a cookie request first. It ends
	// with a Restart of the gateway.
	AlwaysCookie bool

	CharonLines     string // into the daemon's section of strongswan.conf
	ConnectionLines string // into every connection
	ChildLines      string // into every child
	LogLevel        int    // 0: 1, with ike and cfg at 2; 4 prints keys
	LogKeys         bool   // ike and chd at 4, which is where keys are printed
}

// Child is one Child SA's configuration.
type Child struct {
	Name  string
	Local []string // the company's side
}

// defaults fills in what the zero value means.
func (o *GatewayOptions) defaults() {
	if o.Users == nil {
		o.Users = map[string]string{UserName: UserPassword}
	}
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.EAPMethod, "mschapv2")
	set(&o.PSK, SharedKey)
	set(&o.Identity, GatewayName)
	set(&o.Childless, "allow")
	set(&o.Unique, "replace")
	if o.Children == nil {
		everything := []string{"0.0.0.0/0", "::/0"}
		if o.Split {
			everything = []string{IntranetPrefix.String(), IntranetPrefix6.String()}
		}
		o.Children = []Child{{Name: "net", Local: everything}}
	}
	set(&o.IKEProposals, "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"+
		"ecp256-ecp384-ecp521-x25519-modp2048-modp3072-modp4096,"+
		"aes256-aes128-sha256-sha384-sha512-ecp256-ecp384-ecp521-x25519-modp2048-modp3072-modp4096")
	set(&o.ESPProposals, "aes256gcm16-aes128gcm16-chacha20poly1305,"+
		"aes256gcm16-aes128gcm16-chacha20poly1305-ecp256-ecp384-ecp521-x25519-modp2048-modp3072-modp4096,"+
		"aes256-aes128-sha256-sha384-sha512,"+
		"aes256-aes128-sha256-sha384-sha512-ecp256-ecp384-x25519-modp2048-modp3072")
	if o.RekeyIKE == 0 {
		o.RekeyIKE = 4 * time.Hour
	}
	if o.RekeyChild == 0 {
		o.RekeyChild = time.Hour
	}
	if o.Overtime == 0 {
		o.Overtime = 10 * time.Minute
	}
	if o.LogLevel == 0 {
		o.LogLevel = 1
	}
}

//go:embed strongswan.conf.tmpl
var strongswanConf string

//go:embed swanctl.conf.tmpl
var swanctlConf string

// quoted is a value as strongSwan's files want it.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

var templates = template.New("").Funcs(template.FuncMap{"quoted": quoted, "seconds": seconds, "join": strings.Join})

// site is where a gateway stands and what it hands out.
type site struct {
	Outside, Outside6 netip.Addr
	Pool, Pool6       string // as strongSwan wants them
}

var (
	firstSite  = site{GatewayAddress, GatewayAddress6, VirtualPrefix.String(), "fd00:98::/112"}
	secondSite = site{SecondGatewayAddress, SecondGatewayAddress6, SecondVirtualPrefix.String(), "fd00:98:1::/112"}
)

// confData is what the templates see.
type confData struct {
	GatewayOptions
	Site       site
	Dir        string
	VICI       string // the control socket's path
	DNS4, DNS6 string
	RADIUS     *radiusSite // nil: there is none
}

// radiusSite is whom eap-radius asks, on the gateway's own machine.
type radiusSite struct {
	Port   int
	Secret string
}

func renderConf(text string, d confData) (string, error) {
	t, err := template.Must(templates.Clone()).Parse(text)
	if err != nil {
		return "", fmt.Errorf("lab: parsing a template: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return "", fmt.Errorf("lab: filling in a template: %w", err)
	}
	return b.String(), nil
}

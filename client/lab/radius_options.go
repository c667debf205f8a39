package lab

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

// RADIUSName is the name in the sign-in servers' certificate.
const RADIUSName = "radius.corp.example"

// What the sign-in servers say.
const (
	RADIUSPrompt = "Password or code of your key fob" // of EAP-GTC
	RADIUSRetry  = "Please type it again"             // where a password may be typed again
)

// Realms of the outer identity. FreeRADIUS has one server for each, so that one
// process can be met in many shapes. Any other realm, or none, gets a server
// with TLS 1.2 and 1.3 and a good certificate, which resumes sessions.
const (
	RealmTLS12     = "tls12"     // TLS 1.2 alone
	RealmTLS13     = "tls13"     // TLS 1.3 alone
	RealmFresh     = "fresh"     // resumes nothing
	RealmWrongName = "wrongname" // the certificate is for OtherName
	RealmExpired   = "expired"   // the certificate is no longer valid
	RealmUntrusted = "untrusted" // the certificate is a stranger's
	RealmMD5       = "md5"       // EAP-MD5 and nothing else
	RealmGTC       = "gtc"       // begins with EAP-GTC
	RealmMSCHAPv2  = "mschapv2"  // begins with EAP-MSCHAPv2
	RealmTLS       = "tls"       // begins with EAP-TLS
	RealmPEAP      = "peap"      // begins with PEAP
	RealmHostapd   = "hostapd"   // handed on to hostapd, whose PEAP has crypto binding
	RealmOld       = "old"       // handed on to a hostapd without Extended Master Secret and TLS 1.3
)

// Accounts of the sign-in servers beside UserName. All but the code have
// UserPassword.
const (
	LockedUser    = "larry" // locked out (error 647 of MS-CHAP)
	DisabledUser  = "dora"  // disabled (error 691, no retry)
	ExpiredUser   = "erik"  // the password has expired (error 648) and may be changed
	OutdatedUser  = "otto"  // as ExpiredUser
	CodeUser      = "carol" // signs in with CodeOfTheDay
	CodeOfTheDay  = "492 817 03"
	ForeignerUser = "größe-Ω" // a name and, with it, ForeignerPassword beyond ASCII
)

// ForeignerPassword is ForeignerUser's. FreeRADIUS's MS-CHAP knows no character
// beyond the first plane of Unicode, and so there is none in it.
const ForeignerPassword = "Пароль-密码-€-ẞ"

// RADIUSOptions shape the sign-in servers.
type RADIUSOptions struct {
	// Users are more accounts, name to password, or others than the lab's own.
	Users map[string]string
	// FragmentSize is how many octets of TLS the servers send in one message;
	// 0: 1,000.
	FragmentSize int
	// HostapdTLS12 keeps hostapd at TLS 1.2: with 1.3 version 2.10 makes another
	// binding of PEAP than it should, and not every format can say which TLS it means.
	HostapdTLS12 bool
}

// The servers' ports, all on the gateway's loopback.
const (
	freeRADIUSPort = 1812
	hostapdPort    = 18120
	oldPort        = 18121
)

// radiusSecret is shared between the gateway, the test and every server.
const radiusSecret = "between gateway and sign-in"

// variant is one of FreeRADIUS's EAP servers.
type variant struct {
	Name, Realm    string // no realm: for everybody whom no other takes
	Certificate    string
	MinTLS, MaxTLS string
	First          string // the method that it begins with
	Resumes        bool
	Alone          bool // no method but EAP-MD5
}

func radiusVariants() []variant {
	own := func(v variant) variant {
		set := func(s *string, value string) {
			if *s == "" {
				*s = value
			}
		}
		set(&v.Name, v.Realm)
		set(&v.Certificate, string(goodFile))
		set(&v.MinTLS, "1.2")
		set(&v.MaxTLS, "1.3")
		set(&v.First, "ttls")
		return v
	}
	return []variant{
		own(variant{Name: "any", Resumes: true}),
		own(variant{Realm: RealmTLS12, MaxTLS: "1.2", Resumes: true}),
		own(variant{Realm: RealmTLS13, MinTLS: "1.3", Resumes: true}),
		own(variant{Realm: RealmFresh}),
		own(variant{Realm: RealmWrongName, Certificate: string(WrongName)}),
		own(variant{Realm: RealmExpired, Certificate: string(ExpiredCertificate)}),
		own(variant{Realm: RealmUntrusted, Certificate: string(UntrustedCertificate)}),
		own(variant{Realm: RealmMD5, First: "md5", Alone: true}),
		own(variant{Realm: RealmGTC, First: "gtc"}),
		own(variant{Realm: RealmMSCHAPv2, First: "mschapv2"}),
		own(variant{Realm: RealmTLS, First: "tls", Resumes: true}),
		own(variant{Realm: RealmPEAP, First: "peap", Resumes: true}),
	}
}

// goodFile is the name of GoodCertificate's files.
const goodFile ServerCertificate = "good"

// proxy is a realm that FreeRADIUS hands on.
type proxy struct {
	Realm string
	Port  int
}

// radiusData is what the templates see.
type radiusData struct {
	RADIUSOptions
	Dir, Libraries       string
	Domain               string // the command line of the domain controller's program
	Port                 int
	Secret               string
	Prompt, RetryMessage string
	Variants             []variant
	Proxies              []proxy
	OldTLS               bool // no TLS 1.3
}

// Realms is a pattern of those that are no part of a user's name.
func (d radiusData) Realms() string {
	var names []string
	for _, v := range d.Variants[1:] {
		names = append(names, v.Realm)
	}
	return strings.Join(names, "|")
}

var (
	//go:embed freeradius.conf.tmpl
	freeRADIUSConf string
	//go:embed hostapd.conf.tmpl
	hostapdConf string
)

func renderRADIUS(text string, d radiusData) (string, error) {
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

// oldOpenSSL has OpenSSL leave out what old servers do not know (RFC 7627).
const oldOpenSSL = `openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = old
[old]
Options = -ExtendedMasterSecret
`

// accounts is FreeRADIUS's list of users.
func (o RADIUSOptions) accounts() string {
	var b strings.Builder
	line := func(name, password, control string) {
		fmt.Fprintf(&b, "%s Cleartext-Password := %s%s\n", quoted(name), quoted(password), control)
	}
	const own = ", MS-CHAP-Use-NTLM-Auth := No"
	flags := func(f string) string { return fmt.Sprintf("%s, SMB-Account-Ctrl-Text := \"[%-11s]\"", own, f) }
	for name, password := range o.Users {
		line(name, password, own)
	}
	line(UserName, UserPassword, own)
	line(LockedUser, UserPassword, flags("UL"))
	line(DisabledUser, UserPassword, flags("DU"))
	line(ExpiredUser, UserPassword, "") // the domain judges these
	line(OutdatedUser, UserPassword, "")
	line(CodeUser, CodeOfTheDay, own)
	line(ForeignerUser, ForeignerPassword, own)
	return b.String()
}

// hostapdAccounts is the same for hostapd, with the methods that each may use:
// first those of the outer conversation, then those inside a tunnel.
func (o RADIUSOptions) hostapdAccounts() string {
	var b strings.Builder
	users := map[string]string{UserName: UserPassword, CodeUser: CodeOfTheDay}
	for name, password := range o.Users {
		users[name] = password
	}
	for name, password := range users {
		fmt.Fprintf(&b, "%q MSCHAPV2,GTC,MD5 %q\n", name, password)
		fmt.Fprintf(&b, "%q MSCHAPV2,GTC,MD5,TTLS-PAP,TTLS-CHAP,TTLS-MSCHAP,TTLS-MSCHAPV2 %q [2]\n", name, password)
	}
	fmt.Fprintf(&b, "* PEAP,TTLS,TLS\n* TLS [2]\n")
	return b.String()
}

package lab

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// Format is a file format in which other programs keep a connection.
type Format string

// The formats. What has a name ending as well is called by it.
const (
	AppleSigned    Format = "mobileconfig-signed" // CMS
	ApplePEM       Format = "mobileconfig-pem"    // CMS as text
	AppleBinary    Format = "mobileconfig-binary" // a binary property list
	AndroidApp     Format = "sswan"
	NetworkManager Format = "nmconnection"
	Swanctl        Format = "swanctl"
	IPsecConf      Format = "ipsec"
	ProfileXML     Format = "profilexml"
	PhoneBook      Format = "rasphone"
	AnyConnect     Format = "anyconnect"
	ChromeOS       Format = "onc"
)

// SignIn is how the employee proves who it is.
type SignIn string

// The ways. A machine's certificate is Windows' device tunnel; PEAP (with MSCHAPv2
// inside) and TTLS (with PAP inside) are for gateways that ask the sign-in servers.
const (
	ByPassword    SignIn = "password"
	ByCertificate SignIn = "certificate"
	BySharedKey   SignIn = "shared-key"
	ByMachine     SignIn = "machine"
	ByPEAP        SignIn = "peap"
	ByTTLS        SignIn = "ttls"
)

// Foreign is a connection to the lab's gateway as an administrator would write it for
// another program: everything through the tunnel, and secrets in the file where its
// format has a place for them.
type Foreign struct {
	Name     string
	By       SignIn
	CA       *Authority  // of the gateway, where the format has a place for it
	Employee *Credential // for ByCertificate, where the format has a place for it
	Servers  *Authority  // of the sign-in servers, for ByPEAP and ByTTLS
	Realm    string      // said outside TLS: which of the sign-in servers is asked
}

// Document is a profile file with the files that lie beside it.
type Document struct {
	File   string // its name
	Data   []byte
	Beside map[string][]byte
}

// Write puts the files into a folder, and gives the profile's path.
func (d Document) Write(dir string) (string, error) {
	path := filepath.Join(dir, d.File)
	files := map[string][]byte{path: d.Data}
	for name, data := range d.Beside {
		files[filepath.Join(dir, filepath.FromSlash(name))] = data
	}
	for file, data := range files {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", fmt.Errorf("lab: writing a profile: %w", err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return "", fmt.Errorf("lab: writing a profile: %w", err)
		}
	}
	return path, nil
}

// P12Password protects the PKCS#12 files of formats that ask for their password.
const P12Password = samplePassword

// Document is the connection in a format.
func (f Foreign) Document(format Format) (Document, error) {
	switch format {
	case AppleSigned, ApplePEM, AppleBinary:
		return f.apple(format)
	case AndroidApp:
		return f.android()
	case ChromeOS:
		return f.chromeOS()
	case NetworkManager:
		return f.text(format, f.Name+".nmconnection", "certs", "private", "cacerts")
	case Swanctl:
		return f.text(format, "swanctl.conf", "x509", "private", "x509ca")
	case IPsecConf:
		d, err := f.text(format, "ipsec.conf", "", "", "ipsec.d/cacerts")
		if err != nil {
			return d, err
		}
		if f.By == ByCertificate {
			if d.Beside["ipsec.d/private/employee.p12"], err = PKCS12(f.Employee, f.CA, P12Password, false); err != nil {
				return d, err
			}
		}
		d.Beside["ipsec.secrets"], err = f.fill("ipsec.secrets")
		return d, err
	case ProfileXML, AnyConnect:
		d, err := f.fill(string(format))
		return Document{File: f.Name + ".xml", Data: d}, err
	case PhoneBook:
		d, err := f.fill(string(format))
		// Windows ends its lines so.
		return Document{File: "rasphone.pbk", Data: bytes.ReplaceAll(d, []byte("\n"), []byte("\r\n"))}, err
	}
	return Document{}, fmt.Errorf("lab: no profiles are written as %q", format)
}

// text is a file of strongSwan's, which names certificates and keys that lie in folders
// beside it; without those folders the employee's come otherwise.
func (f Foreign) text(format Format, file, certs, private, authorities string) (Document, error) {
	data, err := f.fill(string(format))
	if err != nil {
		return Document{}, err
	}
	d := Document{File: file, Data: data, Beside: map[string][]byte{}}
	if f.By != BySharedKey {
		d.Beside[authorities+"/company.pem"] = f.CA.CertificatePEM()
	}
	if f.By == ByCertificate && certs != "" {
		d.Beside[certs+"/employee.pem"] = f.Employee.CertificatePEM()
		d.Beside[private+"/employee.key"], err = f.Employee.KeyPEM()
	}
	return d, err
}

//go:embed formats.tmpl
var formatsText string

var formatsTemplate = template.Must(template.New("").Funcs(template.FuncMap{
	"text": xmlText, "quoted": quoted, "uuid": newUUID,
}).Parse(formatsText))

// fill fills in one of the templates.
func (f Foreign) fill(name string) ([]byte, error) {
	var b bytes.Buffer
	err := formatsTemplate.ExecuteTemplate(&b, name, struct {
		Foreign
		Gateway, User, Password, Mail, Key, P12, Intranet, Domain, DNS, RADIUS string
	}{f, GatewayName, UserName, UserPassword, EmployeeMail, SharedKey, P12Password, IntranetPrefix.Addr().String(), CompanyDomain, IntranetAddress.String(), RADIUSName})
	if err != nil {
		return nil, fmt.Errorf("lab: writing a profile: %w", err)
	}
	return bytes.TrimLeft(b.Bytes(), "\n"), nil
}

// android is a file of strongSwan's app for Android.
func (f Foreign) android() (Document, error) {
	id, err := newUUID()
	if err != nil {
		return Document{}, err
	}
	remote := map[string]any{"addr": GatewayName, "id": GatewayName, "cert": f.CA.DER()}
	file := map[string]any{"uuid": id, "name": f.Name, "remote": remote}
	switch f.By {
	case ByPassword:
		file["type"], file["local"] = "ikev2-eap", map[string]any{"eap_id": UserName, "shared_secret": UserPassword}
	case ByCertificate:
		// The authority comes with the certificate, as Android takes it.
		packed, err := PKCS12(f.Employee, f.CA, P12Password, false)
		if err != nil {
			return Document{}, err
		}
		delete(remote, "cert")
		file["type"], file["local"] = "ikev2-cert", map[string]any{"p12": packed, "id": EmployeeMail}
	default:
		return Document{}, fmt.Errorf("lab: strongSwan's app does not sign in by %s", f.By)
	}
	return jsonDocument(f.Name+".sswan", file)
}

// chromeOS is a network configuration of ChromeOS.
func (f Foreign) chromeOS() (Document, error) {
	const authority, own = "{company}", "{employee}"
	ipsec := map[string]any{"IKEVersion": 2, "RemoteIdentity": GatewayName, "ServerCARefs": []string{authority}}
	certificates := []any{map[string]any{"GUID": authority, "Type": "Authority", "X509": string(f.CA.CertificatePEM())}}
	switch f.By {
	case ByPassword:
		ipsec["AuthenticationType"] = "EAP"
		ipsec["EAP"] = map[string]any{"Outer": "MSCHAPv2", "Identity": UserName, "Password": UserPassword}
	case ByPEAP, ByTTLS:
		const servers = "{servers}"
		eap := map[string]any{"Outer": "PEAP", "Inner": "MSCHAPv2", "TLSVersionMax": "1.2"}
		if f.By == ByTTLS {
			eap = map[string]any{"Outer": "EAP-TTLS", "Inner": "PAP"}
		}
		eap["Identity"], eap["Password"], eap["AnonymousIdentity"] = UserName, UserPassword, "guest@"+f.Realm
		eap["ServerCARefs"], eap["DomainSuffixMatch"] = []string{servers}, []string{RADIUSName}
		ipsec["AuthenticationType"], ipsec["EAP"] = "EAP", eap
		certificates = append(certificates, map[string]any{"GUID": servers, "Type": "Authority", "X509": string(f.Servers.CertificatePEM())})
	case ByCertificate:
		packed, err := PKCS12(f.Employee, f.CA, "", true) // ChromeOS has no place for its password
		if err != nil {
			return Document{}, err
		}
		ipsec["AuthenticationType"], ipsec["LocalIdentity"] = "Cert", EmployeeMail
		ipsec["ClientCertType"], ipsec["ClientCertRef"] = "Ref", own
		certificates = append(certificates, map[string]any{"GUID": own, "Type": "Client", "PKCS12": packed})
	case BySharedKey:
		ipsec["AuthenticationType"], ipsec["LocalIdentity"], ipsec["PSK"] = "PSK", EmployeeMail, SharedKey
		delete(ipsec, "ServerCARefs")
	default:
		return Document{}, fmt.Errorf("lab: ChromeOS does not sign in by %s", f.By)
	}
	id, err := newUUID()
	if err != nil {
		return Document{}, err
	}
	vpn := map[string]any{"Host": GatewayName, "Type": "IPsec", "IPsec": ipsec}
	return jsonDocument(f.Name+".onc", map[string]any{
		"Type":                  "UnencryptedConfiguration",
		"NetworkConfigurations": []any{map[string]any{"GUID": "{" + id + "}", "Name": f.Name, "Type": "VPN", "VPN": vpn}},
		"Certificates":          certificates,
	})
}

func jsonDocument(file string, content any) (Document, error) {
	data, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return Document{}, fmt.Errorf("lab: writing a profile: %w", err)
	}
	return Document{File: file, Data: data}, nil
}

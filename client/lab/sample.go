package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// Sample profiles, as the company's IT would send them. Each is a file
// NAME.mobileconfig in the folder that WriteSamples fills.
const (
	OfficeProfile      = "office"       // user name and password, everything through the tunnel
	SplitProfile       = "split"        // the same, company networks and names only
	CertificateProfile = "certificate"  // a PKCS#12 file inside, as new tools make them
	LegacyProfile      = "certificate2" // the same, RSA, as old tools make them
	SharedKeyProfile   = "shared-key"
)

// samplePassword protects the PKCS#12 files; it stands in the profile too.
const samplePassword = "import me"

// WriteSamples writes the sample profiles into a folder and returns their
// paths by name.
func (p *PKI) WriteSamples(dir string) (map[string]string, error) {
	samples, err := p.samples()
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, m := range samples {
		text, err := m.XML()
		if err != nil {
			return nil, err
		}
		paths[m.Name] = filepath.Join(dir, m.Name+".mobileconfig")
		if err := os.WriteFile(paths[m.Name], text, 0o600); err != nil {
			return nil, fmt.Errorf("lab: writing a sample profile: %w", err)
		}
	}
	return paths, nil
}

func (p *PKI) samples() ([]Mobileconfig, error) {
	ca := [][]byte{p.CA.DER()}
	modern := Algorithms{Encryption: "AES-256-GCM", Integrity: "SHA2-384", Group: 20}
	office := Mobileconfig{Name: OfficeProfile, EAP: true, CA: ca, IKE: modern, Child: modern}
	split := Mobileconfig{Name: SplitProfile, EAP: true, CA: ca, Split: true,
		DNSServers: []string{IntranetAddress.String()}, MatchDomains: []string{CompanyDomain}}
	psk := Mobileconfig{Name: SharedKeyProfile, LocalIdentifier: EmployeeMail, Secret: SharedKey}
	samples := []Mobileconfig{office, split, psk}
	for _, c := range []struct {
		name   string
		key    KeyType
		legacy bool
	}{{CertificateProfile, ECDSA256, false}, {LegacyProfile, RSA2048, true}} {
		employee, err := p.Employee(EmployeeMail, c.key)
		if err != nil {
			return nil, err
		}
		packed, err := PKCS12(employee, p.CA, samplePassword, c.legacy)
		if err != nil {
			return nil, err
		}
		samples = append(samples, Mobileconfig{Name: c.name, LocalIdentifier: EmployeeMail, CA: ca, PKCS12: packed, PKCS12Key: samplePassword})
	}
	return samples, nil
}

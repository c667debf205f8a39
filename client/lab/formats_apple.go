package lab

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/smallstep/pkcs7"
	"howett.net/plist"
)

// SignerName is who signs the configuration profiles that are signed.
const SignerName = "Example Corp IT"

// apple is a configuration profile in another dress than text.
func (f Foreign) apple(format Format) (Document, error) {
	m := Mobileconfig{Name: f.Name, CA: [][]byte{f.CA.DER()}}
	switch f.By {
	case ByPassword:
		m.EAP, m.AuthName = true, UserName
	case ByCertificate:
		packed, err := PKCS12(f.Employee, f.CA, P12Password, false)
		if err != nil {
			return Document{}, err
		}
		m.LocalIdentifier, m.PKCS12, m.PKCS12Key = EmployeeMail, packed, P12Password
	case BySharedKey:
		m.LocalIdentifier, m.Secret, m.CA = EmployeeMail, SharedKey, nil
	default:
		return Document{}, fmt.Errorf("lab: Apple's devices do not sign in by %s", f.By)
	}
	data, err := m.XML()
	if err != nil {
		return Document{}, err
	}
	switch format {
	case AppleBinary:
		data, err = binaryList(data)
	case AppleSigned, ApplePEM:
		data, err = f.CA.signDocument(data)
	}
	if err != nil {
		return Document{}, err
	}
	if format == ApplePEM {
		data = pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: data})
	}
	return Document{File: f.Name + ".mobileconfig", Data: data}, nil
}

// signDocument signs a document by CMS, in the name of the company's IT.
func (a *Authority) signDocument(content []byte) ([]byte, error) {
	signer, err := a.Issue(CertificateSpec{CommonName: SignerName, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}})
	if err != nil {
		return nil, err
	}
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, fmt.Errorf("lab: signing a profile: %w", err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(signer.Certificate, signer.Key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, fmt.Errorf("lab: signing a profile: %w", err)
	}
	data, err := signed.Finish()
	if err != nil {
		return nil, fmt.Errorf("lab: signing a profile: %w", err)
	}
	return data, nil
}

// binaryList writes a property list in its binary form.
func binaryList(text []byte) ([]byte, error) {
	var content any
	if _, err := plist.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("lab: reading a property list: %w", err)
	}
	data, err := plist.Marshal(content, plist.BinaryFormat)
	if err != nil {
		return nil, fmt.Errorf("lab: writing a property list: %w", err)
	}
	return data, nil
}

package formats

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"io"
	"regexp"
	"unicode/utf16"

	"github.com/homeward-vpn/homeward/client/profile/mobileconfig"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

// Format is a profile format, named as it stands in a sentence.
type Format string

// The formats that are known by sight.
const (
	Empty        Format = "an empty file"
	Unknown      Format = "an unknown file"
	Mobileconfig Format = "an Apple configuration profile"
	Homeward     Format = "a Homeward profile"
	Sswan        Format = "a strongSwan Android profile"
	ONC          Format = "a ChromeOS network configuration"
	ProfileXML   Format = "a Windows VPN profile (ProfileXML)"
	EAPHost      Format = "a Windows EAP configuration"
	AnyConnect   Format = "a Cisco AnyConnect profile"
	NMConnection Format = "a NetworkManager connection"
	Phonebook    Format = "a Windows phone book (rasphone.pbk)"
	IPsecConf    Format = "a strongSwan ipsec.conf"
	IPsecSecrets Format = "a strongSwan ipsec.secrets"
	SwanctlConf  Format = "a strongSwan swanctl.conf"
	OpenVPN      Format = "an OpenVPN profile"
	WireGuard    Format = "a WireGuard configuration"
	PEM          Format = "a certificate or a key"
	ZIP          Format = "a ZIP archive"
)

// headSize is how much of a file is looked at.
const headSize = 16 << 10

// Sniff tells the format of a file by its content.
func Sniff(data []byte) Format {
	if len(bytes.TrimSpace(data)) == 0 {
		return Empty
	}
	if mobileconfig.Sniff(data) {
		return Mobileconfig
	}
	if native.Sniff(data) {
		return Homeward
	}
	head := plain(data[:min(len(data), headSize)])
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return ZIP
	case bytes.HasPrefix(head, []byte("-----BEGIN ")):
		return PEM
	case bytes.HasPrefix(head, []byte("<")):
		return sniffXML(head)
	case bytes.HasPrefix(head, []byte("{")):
		return sniffJSON(head)
	}
	return sniffText(head)
}

// plain gives UTF-8 without a byte order mark or leading white space.
func plain(head []byte) []byte {
	for _, m := range []struct {
		mark  string
		order binary.ByteOrder
	}{{"\xFF\xFE", binary.LittleEndian}, {"\xFE\xFF", binary.BigEndian}} {
		if !bytes.HasPrefix(head, []byte(m.mark)) {
			continue
		}
		head = head[2:]
		units := make([]uint16, len(head)/2)
		for i := range units {
			units[i] = m.order.Uint16(head[2*i:])
		}
		head = []byte(string(utf16.Decode(units)))
	}
	return bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
}

// xmlRoots are the roots of XML formats, by local name.
var xmlRoots = map[string]Format{
	"VPNProfile": ProfileXML, "AnyConnectProfile": AnyConnect, "EapHostConfig": EAPHost, "plist": Mobileconfig,
}

func sniffXML(head []byte) Format {
	d := xml.NewDecoder(bytes.NewReader(head))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		t, err := d.Token()
		if err != nil {
			return Unknown
		}
		if start, ok := t.(xml.StartElement); ok {
			if f, known := xmlRoots[start.Name.Local]; known {
				return f
			}
			return Unknown
		}
	}
}

// sign is a mark by which a text format is known.
type sign struct {
	format  Format
	pattern *regexp.Regexp
}

// jsonSigns and textSigns are tried in order; the first that is found counts.
var (
	jsonSigns = []sign{
		{ONC, regexp.MustCompile(`"(NetworkConfigurations|UnencryptedConfiguration|EncryptedConfiguration)"`)},
		{Sswan, regexp.MustCompile(`"type"\s*:\s*"ikev2-|"remote"\s*:\s*\{`)},
	}
	textSigns = []sign{
		{Phonebook, regexp.MustCompile(`(?m)^(VpnStrategy|MEDIA|PhoneNumber)=`)},
		{NMConnection, regexp.MustCompile(`(?m)^\[(connection|vpn)\]\s*$`)},
		{WireGuard, regexp.MustCompile(`(?m)^\[Interface\]\s*$`)},
		{SwanctlConf, regexp.MustCompile(`(?m)^\s*(connections|secrets|authorities)\s*\{`)},
		{IPsecConf, regexp.MustCompile(`(?m)^(conn\s+\S+|config\s+setup|ca\s+\S+)\s*(#.*)?$`)},
		{IPsecSecrets, regexp.MustCompile(`(?m)^[^#\n]*:\s+(PSK|RSA|ECDSA|P8|PKCS8|P12|PIN|EAP|XAUTH|NTLM)\s`)},
		{OpenVPN, regexp.MustCompile(`(?m)^(client|remote\s+\S+(\s+\d+)?|<ca>)\s*$`)},
	}
)

func sniffJSON(head []byte) Format { return firstSign(head, jsonSigns) }
func sniffText(head []byte) Format { return firstSign(head, textSigns) }

func firstSign(head []byte, signs []sign) Format {
	head = bytes.ReplaceAll(head, []byte("\r\n"), []byte("\n"))
	for _, s := range signs {
		if s.pattern.Match(head) {
			return s.format
		}
	}
	return Unknown
}

package formats

import (
	"bytes"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/anyconnect"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/ipsecconf"
	"github.com/homeward-vpn/homeward/client/profile/mobileconfig"
	"github.com/homeward-vpn/homeward/client/profile/native"
	"github.com/homeward-vpn/homeward/client/profile/nmkeyfile"
	"github.com/homeward-vpn/homeward/client/profile/onc"
	"github.com/homeward-vpn/homeward/client/profile/profilexml"
	"github.com/homeward-vpn/homeward/client/profile/rasphone"
	"github.com/homeward-vpn/homeward/client/profile/sswan"
	"github.com/homeward-vpn/homeward/client/profile/swanctl"
)

// Format is a profile format, or another kind of file, named as it stands in a
// sentence.
type Format string

// The formats that are read.
const (
	Mobileconfig Format = "an Apple configuration profile"
	Homeward     Format = "a Homeward profile"
	Sswan        Format = "a profile of strongSwan's app"
	ONC          Format = "a ChromeOS network configuration"
	ProfileXML   Format = "a Windows VPN profile (ProfileXML)"
	AnyConnect   Format = "a Cisco AnyConnect profile"
	Phonebook    Format = "a Windows phone book (rasphone.pbk)"
	SwanctlConf  Format = "a strongSwan swanctl.conf"
	IPsecConf    Format = "a strongSwan ipsec.conf"
	NMKeyfile    Format = "a NetworkManager connection"
)

// headSize is how much of a file is looked at for what is no profile.
const headSize = 16 << 10

// format is one that is read: what it is known by, and its importer.
type format struct {
	format Format
	sniff  func(data []byte) bool
	parse  func(data []byte, o profile.ImportOptions) ([]profile.Imported, error)
}

// importers are asked in this order; the first that knows a file gets it.
var importers = []format{
	{Mobileconfig, mobileconfig.Sniff, mobileconfig.ParseWith},
	{Homeward, native.Sniff, native.ParseWith},
	{AnyConnect, anyconnect.Sniff, anyconnect.ParseWith},
	{ProfileXML, profilexml.Sniff, profilexml.ParseWith},
	{ONC, onc.Sniff, onc.ParseWith},
	{Sswan, sswan.Sniff, sswan.ParseWith},
	{Phonebook, rasphone.Sniff, rasphone.ParseWith},
	{NMKeyfile, nmkeyfile.Sniff, nmkeyfile.ParseWith},
	{SwanctlConf, swanctl.Sniff, swanctl.ParseWith},
	{IPsecConf, ipsecconf.Sniff, ipsecconf.ParseWith},
}

// Sniff tells the format of a file by its content.
func Sniff(data []byte) Format {
	head := beginning(data)
	if kind := kindOf(head); kind != "" {
		return kind
	}
	for _, i := range importers {
		if i.sniff(data) {
			return i.format
		}
	}
	return otherText(head)
}

// beginning cuts a file behind a whole character, in UTF-8 and in UTF-16.
func beginning(data []byte) []byte {
	if len(data) <= headSize {
		return data
	}
	head := data[:headSize]
	for n := 0; n < utf8.UTFMax; n++ {
		if r, _ := utf8.DecodeLastRune(head); r != utf8.RuneError {
			return head
		}
		head = head[:len(head)-1]
	}
	return data[:headSize]
}

// plain gives the text of a file's beginning in UTF-8, without white space in front
// and with plain line ends.
func plain(head []byte) []byte {
	text, ok := importer.Text(head)
	if !ok {
		text = importer.Latin1(head)
	}
	return bytes.ReplaceAll(bytes.TrimLeft(text, " \t\r\n"), []byte("\r\n"), []byte("\n"))
}

package formats

import (
	"bytes"
	"regexp"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The files that are no profile, or none that is read here.
const (
	Empty       Format = "an empty file"
	Unknown     Format = "an unknown file"
	Entities    Format = "an XML file with entities of its own"
	ZIP         Format = "a ZIP archive"
	Archive     Format = "an archive"
	PDF         Format = "a PDF document"
	Office      Format = "a document of an office program"
	Image       Format = "a picture"
	Program     Format = "a program"
	Script      Format = "a script"
	WebPage     Format = "a web page"
	PEM         Format = "a certificate or a key"
	EAPHost     Format = "a Windows EAP configuration"
	IPsecSecret Format = "a strongSwan ipsec.secrets"
	OpenVPN     Format = "an OpenVPN profile"
	WireGuard   Format = "a WireGuard configuration"
	CiscoPCF    Format = "a profile of the old Cisco VPN Client"
	FortiClient Format = "a FortiClient configuration"
	RemoteDesk  Format = "a file of Remote Desktop"
)

// kind is a file that is known by its first bytes.
type kind struct {
	format Format
	begins string
}

// kinds are tried in order.
var kinds = []kind{
	{ZIP, "PK\x03\x04"}, {ZIP, "PK\x05\x06"}, {Archive, "\x1F\x8B"}, {Archive, "7z\xBC\xAF\x27\x1C"}, {Archive, "Rar!"}, {Archive, "BZh"}, {Archive, "\xFD7zXZ"},
	{PDF, "%PDF-"}, {Office, "\xD0\xCF\x11\xE0"}, {Office, "{\\rtf"}, {Image, "\x89PNG"}, {Image, "\xFF\xD8\xFF"}, {Image, "GIF8"},
	{Program, "MZ\x90"}, {Program, "\x7FELF"}, {Program, "\xCF\xFA\xED\xFE"}, {Program, "\xCA\xFE\xBA\xBE"},
}

// officeParts stand in the archives that office programs call documents.
var officeParts = []string{"[Content_Types].xml", "mimetypeapplication/vnd.oasis"}

// kindOf knows files that must not get to an importer, or "".
func kindOf(head []byte) Format {
	for _, k := range kinds {
		if !bytes.HasPrefix(head, []byte(k.begins)) {
			continue
		}
		for _, part := range officeParts {
			if k.format == ZIP && bytes.Contains(head, []byte(part)) {
				return Office
			}
		}
		return k.format
	}
	text := plain(head)
	switch {
	case len(text) == 0:
		return Empty
	case bytes.HasPrefix(text, []byte("<")) && bytes.Contains(text, []byte("<!ENTITY")):
		return Entities
	case webPage.Match(text):
		return WebPage
	}
	return ""
}

// webPage is how HTML begins, behind comments.
var webPage = regexp.MustCompile(`(?i)^(<\?xml[^>]*>\s*)?(<!--(?s:.*?)-->\s*)*<(!doctype\s+html|html|head|body|script)\b`)

// sign is a mark by which a text is known.
type sign struct {
	format  Format
	pattern *regexp.Regexp
}

// signs are tried in order, where no importer knows the file; the first that is
// found counts.
var signs = []sign{
	{PEM, regexp.MustCompile(`(?m)^-----BEGIN [A-Z0-9 ]+-----$`)},
	{EAPHost, regexp.MustCompile(`<([A-Za-z0-9]+:)?EapHostConfig\b`)},
	{FortiClient, regexp.MustCompile(`<forticlient_configuration\b`)},
	{WireGuard, regexp.MustCompile(`(?m)^\[Interface\]\s*$`)},
	{CiscoPCF, regexp.MustCompile(`(?mi)^(enc_)?GroupPwd=|^GroupName=`)},
	{RemoteDesk, regexp.MustCompile(`(?m)^full address:s:`)},
	{IPsecSecret, regexp.MustCompile(`(?m)^[^#\n]*:\s+(PSK|RSA|ECDSA|P8|PKCS8|P12|PIN|EAP|XAUTH|NTLM)\s`)},
	{OpenVPN, regexp.MustCompile(`(?m)^(client|remote\s+\S+(\s+\d+)?(\s+(udp|tcp)\S*)?|<ca>|dev\s+(tun|tap)\S*)\s*$`)},
	{Script, regexp.MustCompile(`^#!|(?m)^(\$[A-Za-z]+\s*=|param\s*\(|Add-VpnConnection\b|@echo off)`)},
}

func otherText(head []byte) Format {
	text := plain(head)
	for _, s := range signs {
		if s.pattern.Match(text) {
			return s.format
		}
	}
	return Unknown
}

// known lists what is read, for a sentence.
const known = "it reads profiles of Apple (.mobileconfig), of strongSwan, NetworkManager, Windows, Cisco AnyConnect and ChromeOS, and Homeward's own (.json)"

// answer is what is said of a kind of file, and why it is not read.
type answer struct {
	problem  profile.ImportProblem
	sentence string
}

const otherProtocol = "; this version connects by IKEv2 only, so ask for an IKEv2 profile"

// answers say what to do instead. A kind without one is named, and what can be
// asked for.
var answers = map[Format]answer{
	Empty:       {profile.ImportDamaged, "the file is empty; get it again from where it came from"},
	Unknown:     {profile.ImportForeign, "the file is not a profile that this version reads; " + known},
	Entities:    {profile.ImportDamaged, "the file declares XML entities or types of its own, which a profile has no use for"},
	ZIP:         {profile.ImportForeign, "this is a ZIP archive; unpack it, and open the profile that is inside"},
	Archive:     {profile.ImportForeign, "this is an archive; unpack it, and open the profile that is inside"},
	PDF:         {profile.ImportForeign, "this is a PDF document, perhaps about the profile; ask for the profile itself"},
	Office:      {profile.ImportForeign, "this is a document of an office program, perhaps about the profile; ask for the profile itself"},
	WebPage:     {profile.ImportForeign, "this is a web page, perhaps the one where you sign in to download the profile; open that page in a browser, sign in, and save the profile itself"},
	PEM:         {profile.ImportForeign, "this is a certificate or a key, and no profile; if it is your own, keep it with «homewardctl certificate import»"},
	EAPHost:     {profile.ImportForeign, "this is a Windows EAP configuration, a part of a VPN profile; ask for the whole profile (ProfileXML)"},
	IPsecSecret: {profile.ImportForeign, "this is a strongSwan ipsec.secrets, which has passwords and no connection; open the ipsec.conf that it belongs to"},
	OpenVPN:     {profile.ImportUnsupported, "this is an OpenVPN profile" + otherProtocol},
	WireGuard:   {profile.ImportUnsupported, "this is a WireGuard configuration" + otherProtocol},
	CiscoPCF:    {profile.ImportUnsupported, "this is a profile of the old Cisco VPN Client, which connects by Cisco IPsec (IKEv1)" + otherProtocol},
	FortiClient: {profile.ImportUnsupported, "this is a FortiClient configuration, for that program alone" + otherProtocol},
	Script:      {profile.ImportForeign, "this is a script that sets up a connection by itself, perhaps on Windows; ask for the profile itself"},
}

// refusal says why a file is not read.
func refusal(f Format) error {
	if a, ok := answers[f]; ok {
		return &profile.ImportError{Problem: a.problem, Sentence: a.sentence}
	}
	return profile.NewImportError(profile.ImportForeign, "this is %s, and no profile; ask for the profile itself", f)
}

package mobileconfig

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"howett.net/plist"

	"github.com/homeward-vpn/homeward/client/profile"
)

// office is a profile as a person would write it, with oddities of its own.
const office = `<plist version="1.0">
<dict>
	<key>PayloadType</key><string>Configuration</string>
	<key>PayloadVersion</key><real>1</real>
	<key>PayloadIdentifier</key><!-- between key and value --><string>com.example.office</string>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadType</key><string>com.apple.vpn.managed</string>
			<key>UserDefinedName</key><string>Büro &amp; Lager</string>
			<key>VPNType</key><string>IKEv2</string>
			<key>IKEv2</key>
			<dict>
				<key>RemoteAddress</key><string>
					vpn.example.com
				</string>
				<key>AuthenticationMethod</key><string>None</string>
				<key>ExtendedAuthEnabled</key><true/>
				<key>EnablePFS</key><string>1</string>
				<key>DisableMOBIKE</key><real>1.0</real>
				<key>MTU</key><string>1300</string>
				<key>DisableRedirect</key><string>true</string>
			</dict>
		</dict>
	</array>
</dict>
</plist>
`

const declaration = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`

func toUTF16(s string, order binary.AppendByteOrder, mark bool) []byte {
	var out []byte
	if mark {
		out = order.AppendUint16(out, 0xFEFF)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

// TestDressings reads one profile in every dress that real files wear.
func TestDressings(t *testing.T) {
	t.Parallel()
	utf16Declared := strings.Replace(declaration, "UTF-8", "UTF-16", 1) + office
	latin1 := []byte(strings.Replace(declaration, "UTF-8", "ISO-8859-1", 1) + strings.Replace(office, "ü", "\xfc", 1))
	for name, data := range map[string][]byte{
		"declared":                 []byte(declaration + office),
		"bare":                     []byte(office),
		"byte order mark":          []byte("\xEF\xBB\xBF" + declaration + office),
		"white space in front":     []byte("\n\r\n \t" + declaration + office),
		"single quotes":            []byte(strings.ReplaceAll(declaration[:39], `"`, `'`) + declaration[39:] + office),
		"carriage returns":         []byte(strings.ReplaceAll(declaration+office, "\n", "\r\n")),
		"comment in front":         []byte(declaration + "<!-- made by hand & <b>by night</b> -->\n" + office),
		"comment behind":           []byte(declaration + office + "<!-- end -->\n\n"),
		"UTF-16LE with mark":       toUTF16(utf16Declared, binary.LittleEndian, true),
		"UTF-16BE with mark":       toUTF16(utf16Declared, binary.BigEndian, true),
		"UTF-16LE without mark":    toUTF16(utf16Declared, binary.LittleEndian, false),
		"UTF-16BE without mark":    toUTF16(utf16Declared, binary.BigEndian, false),
		"Latin-1":                  latin1,
		"system document type":     []byte(`<!DOCTYPE plist SYSTEM "file:///System/PropertyList.dtd">` + office),
		"UTF-16 declared as UTF-8": toUTF16(declaration+office, binary.LittleEndian, true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !Sniff(data) {
				t.Error("not recognised by sight")
			}
			found, err := ParseWith(data, profile.ImportOptions{Now: now})
			if err != nil {
				t.Fatalf("not imported: %v", err)
			}
			p := found[0].Profile
			if p.Name != "Büro & Lager" || p.Gateway.Address != "vpn.example.com" {
				t.Errorf("name %q at %q", p.Name, p.Gateway.Address)
			}
			if !p.Child.PFS || !p.Session.NoMOBIKE || !p.Session.NoRedirect || p.Traffic.MTU != 1300 {
				t.Errorf("numbers in other spellings were lost: %+v %+v %+v", p.Child, p.Session, p.Traffic)
			}
		})
	}
}

// TestXMLRefused names what is wrong and the line it is in.
func TestXMLRefused(t *testing.T) {
	t.Parallel()
	inner := func(s string) string { return declaration + "<plist><dict>" + s + "</dict></plist>" }
	for name, c := range map[string]struct {
		data    string
		problem profile.ImportProblem
		word    string
	}{
		"mismatched tag":     {"\n\n" + inner("\n<key>PayloadVersion</key><integer>1</string>"), profile.ImportDamaged, "line 6: element <integer> closed by </string>"},
		"no value":           {inner("<key>PayloadType</key>"), profile.ImportDamaged, `the key "PayloadType" has no value`},
		"two keys":           {inner("<key>a</key><key>b</key><string>c</string>"), profile.ImportDamaged, `the key "a" has no value`},
		"no key":             {inner("<string>a</string>"), profile.ImportDamaged, "without a key"},
		"key twice":          {inner("<key>a</key><true/><key>a</key><false/>"), profile.ImportDamaged, `"a" stands twice`},
		"text between":       {inner("stray"), profile.ImportDamaged, `text inside <dict>: "stray"`},
		"unknown element":    {inner("<key>a</key><blob/>"), profile.ImportDamaged, "<blob> is not an element"},
		"element in text":    {inner("<key>a</key><string>b<i>c</i></string>"), profile.ImportDamaged, "<i> inside <string>"},
		"not an integer":     {inner("<key>a</key><integer>one</integer>"), profile.ImportDamaged, `"one" is not an integer`},
		"too large a number": {inner("<key>a</key><integer>99999999999999999999</integer>"), profile.ImportDamaged, "is not an integer"},
		"not a number":       {inner("<key>a</key><real>x</real>"), profile.ImportDamaged, "is not a number"},
		"not a date":         {inner("<key>a</key><date>tomorrow</date>"), profile.ImportDamaged, "is not a date"},
		"true with text":     {inner("<key>a</key><true>no</true>"), profile.ImportDamaged, "<true> has text"},
		"unknown entity":     {inner("<key>a</key><string>&nbsp;</string>"), profile.ImportDamaged, "line 3"},
		"two values":         {declaration + "<plist><dict/><dict/></plist>", profile.ImportDamaged, "more than one value"},
		"no values":          {declaration + "<plist></plist>", profile.ImportDamaged, "empty"},
		"something behind":   {office + "<plist/>", profile.ImportDamaged, "follows the property list"},
		"text behind":        {office + "x", profile.ImportDamaged, "follows the property list"},
		"other XML":          {"<html><body/></html>", profile.ImportForeign, "not a configuration profile"},
		"no XML":             {"hello", profile.ImportForeign, "not a configuration profile"},
		"nothing":            {"", profile.ImportDamaged, "empty"},
		"only white space":   {" \n\t", profile.ImportDamaged, "empty"},
		"broken UTF-8":       {inner("<key>a</key><string>\xff\xfe</string>"), profile.ImportDamaged, "UTF-8"},
		"odd UTF-16":         {"\xff\xfe<\x00p", profile.ImportDamaged, "UTF-16"},
		"another list":       {declaration + "<plist><array/></plist>", profile.ImportForeign, "not a configuration profile"},
		"another dictionary": {inner("<key>CFBundleName</key><string>Mail</string>"), profile.ImportForeign, "not a configuration profile"},
		"too deep":           {declaration + "<plist>" + strings.Repeat("<array>", 40) + strings.Repeat("</array>", 40) + "</plist>", profile.ImportDamaged, "levels deep"},
		"too many":           {declaration + "<plist><array>" + strings.Repeat("<true/>", maxValues+1) + "</array></plist>", profile.ImportDamaged, "more than 20000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, []byte(c.data), c.problem, c.word)
		})
	}
}

// TestNoEntities refuses every document type that declares something, before
// anything is expanded or fetched.
func TestNoEntities(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString(`<!DOCTYPE plist [<!ENTITY l0 "ha">`)
	for i := range 30 {
		fmt.Fprintf(&laughs, `<!ENTITY l%d "&l%d;&l%d;">`, i+1, i, i)
	}
	laughs.WriteString(`]>`)
	for name, doctype := range map[string]string{
		"billion laughs": laughs.String(),
		"external":       `<!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/passwd">]>`,
		"parameter":      `<!DOCTYPE plist [<!ENTITY % x SYSTEM "http://example.com/x.dtd"> %x;]>`,
		"bare entity":    `<!ENTITY x "y">`,
		"element":        `<!DOCTYPE plist [<!ELEMENT plist ANY>]>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := `<?xml version="1.0"?>` + doctype + strings.Replace(office, "com.example.office", "&l30;", 1)
			refused(t, []byte(data), profile.ImportDamaged, "entities or types of its own")
		})
	}
}

// TestEveryPrefixFails cuts a profile off behind every byte: none of the
// pieces may pass for the whole.
func TestEveryPrefixFails(t *testing.T) {
	t.Parallel()
	end := strings.LastIndex(office, ">") + 1
	for n := range end {
		if found, err := Parse([]byte(office[:n])); err == nil {
			t.Fatalf("%d of %d bytes passed for a profile: %+v", n, end, found)
		}
	}
}

func TestTruncatedSaysSo(t *testing.T) {
	t.Parallel()
	refused(t, []byte(office[:len(office)/2]), profile.ImportDamaged, "cut off in line")
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	refused(t, bytes.Repeat([]byte(" "), profile.MaxFile+1), profile.ImportTooLarge, "2 MiB")
}

// TestBinaryEqualsXML reads the same profile from both encodings.
func TestBinaryEqualsXML(t *testing.T) {
	t.Parallel()
	v := configuration(vpnPayload(ikeEAP(dict{"AuthPassword": "pässword", "MTU": 1300, "NATKeepAliveInterval": 25.0}), dict{
		"DNS": dict{"ServerAddresses": list{"10.0.0.53", "2001:db8::53"}, "SearchDomains": list{"corp.example"}},
	}))
	for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
		data := marshal(t, v, format)
		if !Sniff(data) {
			t.Error("not recognised by sight")
		}
		found, err := ParseWith(data, profile.ImportOptions{Now: now})
		if err != nil {
			t.Fatalf("format %d: %v", format, err)
		}
		im := found[0]
		if string(im.Secrets.Password) != "pässword" || im.Profile.Traffic.MTU != 1300 || len(im.Profile.DNS.Servers) != 2 ||
			len(im.Profile.DNS.Search) != 1 || im.Profile.Session.NATKeepalive == 0 {
			t.Errorf("format %d: %+v", format, im.Profile)
		}
	}
}

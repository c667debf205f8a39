package mobileconfig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// keysOf gives the report's path of every key in a profile, from the view of
// the connection in payload own.
func keysOf(root *value, own int) []string {
	var paths []string
	var walk func(prefix string, v *value)
	walk = func(prefix string, v *value) {
		switch v.kind {
		case kindDict:
			for _, k := range v.keys {
				path := prefix + profile.CleanText(k, maxShown)
				paths = append(paths, path)
				walk(path+".", v.dict[k])
			}
		case kindArray:
			for i, e := range v.list {
				walk(fmt.Sprintf("%s[%d].", strings.TrimSuffix(prefix, "."), i), e)
			}
		}
	}
	for _, k := range root.keys {
		if k == "PayloadContent" {
			continue
		}
		paths = append(paths, "Profile."+k)
		walk("Profile."+k+".", root.dict[k])
	}
	for i, p := range root.dict["PayloadContent"].list {
		if i == own {
			walk("", p)
		} else {
			walk(fmt.Sprintf("Payload[%d].", i), p)
		}
	}
	return paths
}

// told says that a path has a line of its own, or stands inside a container
// that is told as a whole or key by key.
func told(report []profile.Line, path string) bool {
	for _, l := range report {
		if l.Path == path || strings.HasPrefix(l.Path, path+".") || strings.HasPrefix(l.Path, path+"[") {
			return true
		}
		if strings.HasPrefix(path, l.Path+".") && l.Note != "" && (strings.HasPrefix(l.Path, "Payload[") || strings.HasPrefix(l.Path, "AlwaysOn.Tunnel")) {
			return true // another connection of the file
		}
	}
	return false
}

// checkReport holds a report to its promises: every key is told once, with a
// verdict, in printable text.
func checkReport(t *testing.T, data []byte, found []profile.Imported) {
	t.Helper()
	content, _, err := unwrap(data, profile.ImportOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	root, err := parsePlist(content)
	if err != nil {
		t.Fatal(err)
	}
	own := -1
	for _, im := range found {
		for i := own + 1; i < len(root.dict["PayloadContent"].list); i++ {
			p := root.dict["PayloadContent"].list[i]
			if t := p.dict["PayloadType"]; t != nil && t.text == typeVPN {
				own = i
				break
			}
		}
		for _, path := range keysOf(root, own) {
			if !told(im.Report, path) {
				t.Errorf("%s: the report does not tell of %s", im.Profile.Name, path)
			}
		}
		seen := map[string]bool{}
		for _, l := range im.Report {
			if seen[l.Path] {
				t.Errorf("%s is told twice", l.Path)
			}
			seen[l.Path] = true
			switch l.Verdict {
			case profile.Honoured, profile.Approximated, profile.Ignored, profile.Refused:
			default:
				t.Errorf("%s has the verdict %q", l.Path, l.Verdict)
			}
			if profile.CleanText(l.Value, 1<<20) != l.Value || profile.CleanText(l.Note, 1<<20) != l.Note || profile.CleanText(l.Path, 1<<20) != l.Path {
				t.Errorf("%q = %q (%q) cannot be shown", l.Path, l.Value, l.Note)
			}
		}
	}
}

// everything is a profile with each known key and some that nobody knows.
func everything(t *testing.T) dict {
	client := issue(t, issueOptions{name: "alice"})
	ca := issue(t, issueOptions{name: "Harbour CA", ca: true})
	algorithms := sa("AES-256-GCM", "SHA2-384", 20)
	algorithms["LifeTimeInMinutes"], algorithms["Surprise"] = 60, 1
	ike := ikeEAP(dict{
		"AuthPassword": "s3cret-password", "SharedSecret": "s3cret-unused", "PPK": []byte("s3cret-ppk"), "PPKIdentifier": "id", "PPKMandatory": 0,
		"MyClientSecret": "s3cret-unknown", "Nested": dict{"Token": dict{"Value": "s3cret-nested"}, "Plain": list{dict{"A": 1}}},
		ikeParameters: algorithms, childParameters: algorithms, "OnDemandRules": list{dict{"Action": "EvaluateConnection", "ActionParameters": list{dict{"Domains": list{"a"}}}}},
		"OnDemandEnabled": 1, "OnDemandUserOverrideDisabled": 1, "TLSMinimumVersion": "1.0", "TLSMaximumVersion": "1.2", "CertificateType": "RSA",
		"ProviderType": "packet-tunnel", "EnableFallback": 0, "EnforceRoutes": 1, "ExcludeAPNs": 1, "NATKeepAliveOffloadEnable": 1, "Weird\nKey": "x\x1b[31m",
	})
	delete(ike, "Weird\nKey") // XML text cannot hold an escape character
	ike["Weird\u2028Key\u202e"] = "x\u202ey"
	v := configuration(
		certPayload(typeRoot, ca.cert.Raw, dict{"Unknown": dict{"Passphrase": "s3cret-deep"}}),
		vpnPayload(ike, dict{
			"IPv4": dict{"OverridePrimary": 1, "Other": 2}, "DNS": dict{"ServerAddresses": list{"10.0.0.53"}, "Other": dict{"X": 1}},
			"Proxies": dict{"HTTPEnable": 1, "HTTPProxyPassword": "s3cret-proxy"}, "VendorConfig": dict{"Realm": "r"}, "OnDemandEnabled": 1, "Mystery": now,
		}),
		identityPayload(p12(t, pkcs12.Modern, client, "s3cret-p12"), dict{"Password": "s3cret-p12", "AllowAllAppsAccess": false}),
		certPayload(typeSCEP, dict{"URL": "https://scep.example.com", "Challenge": "s3cret-challenge"}, nil),
		dict{"PayloadType": "com.apple.wifi.managed", "Password": "s3cret-wifi", "SSID_STR": "Office"},
		vpnPayload(ikeEAP(dict{"AuthPassword": "s3cret-second"}), nil),
		vpnPayload(ikeEAP(dict{"PayloadCertificateUUID": identityUUID, "TLSMinimumVersion": "1.1", "Odd": 1}), dict{"PayloadIdentifier": "third"}),
		vpnPayload(eapWith(dict{
			"AcceptEAPTypes": list{21, 25, 43}, "TTLSInnerAuthentication": "PAP", "OuterIdentity": "visitor", "UserName": "bob", "UserPassword": "s3cret-fourth",
			"TLSTrustedServerNames": list{"*.radius.example.com"}, "PayloadCertificateAnchorUUID": list{}, "TLSMaximumVersion": "9", "OneTimeUserPassword": true,
			"TLSAllowTrustExceptions": true, "TLSCertificateIsRequired": false, "Odd": dict{"Secret": "s3cret-odd"},
		}, nil), dict{"PayloadIdentifier": "fourth"}),
	)
	v["HasRemovalPasscode"], v["Future"] = false, dict{"Deep": list{dict{"Pin": "s3cret-pin"}}}
	return v
}

func TestReportTellsEverything(t *testing.T) {
	t.Parallel()
	data := marshal(t, everything(t), plist.XMLFormat)
	found, err := ParseWith(data, profile.ImportOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, data, found)
}

// TestNoSecretInModel looks for secrets in everything that is shown or stored.
func TestNoSecretInModel(t *testing.T) {
	t.Parallel()
	for _, im := range parse(t, everything(t)) {
		out, err := json.Marshal(im)
		if err != nil {
			t.Fatal(err)
		}
		shown := []string{string(out)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			shown = append(shown, fmt.Sprintf(verb, im))
		}
		for _, text := range shown {
			if i := strings.Index(text, "s3cret"); i >= 0 {
				t.Errorf("a secret is shown: %.60s", text[max(0, i-20):])
			}
			if strings.Contains(text, fmt.Sprint([]byte("s3cret"))[1:10]) {
				t.Error("a secret's bytes are shown")
			}
		}
		if len(im.Secrets.Password)+len(im.Secrets.PrivateKey) == 0 {
			t.Error("neither password nor key reached Secrets")
		}
	}
}

// TestReportOfSamples holds the reports of profiles from the wild to the same.
func TestReportOfSamples(t *testing.T) {
	t.Parallel()
	dir := profiletest.Samples(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.mobileconfig"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples in %s, %v", dir, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		found, err := ParseWith(data, profile.ImportOptions{Now: now})
		if err != nil {
			continue // whether that is right is the manifest's question, in formats
		}
		t.Run(filepath.Base(f), func(t *testing.T) { checkReport(t, data, found) })
	}
}

package main

import (
	"bufio"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packaged is where the files for desktops are.
const packaged = "../../packaging/desktop"

// entry reads a desktop entry.
func entry(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(packaged, name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	keys := map[string]string{}
	lines := bufio.NewScanner(f)
	if lines.Scan(); lines.Text() != "[Desktop Entry]" {
		t.Errorf("%s begins with %q", name, lines.Text())
	}
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if _, twice := keys[key]; !ok || twice {
			t.Errorf("%s: %q", name, lines.Text())
		}
		keys[key] = value
	}
	return keys
}

// mimeInfo is the description of the types.
type mimeInfo struct {
	Types []struct {
		Type     string `xml:"type,attr"`
		Comments []struct {
			Lang string `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
			Text string `xml:",chardata"`
		} `xml:"comment"`
		Icon struct {
			Name string `xml:"name,attr"`
		} `xml:"icon"`
		Globs []struct {
			Pattern string `xml:"pattern,attr"`
		} `xml:"glob"`
	} `xml:"mime-type"`
}

func types(t *testing.T) mimeInfo {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(packaged, appID+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	var m mimeInfo
	if err := xml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// languages are those of the texts, but English.
var languages = []string{"de", "es", "fr", "ja"}

// TestDesktopEntry: the program is found by its name and opens every type of profile,
// each of which is described, in every language.
func TestDesktopEntry(t *testing.T) {
	t.Parallel()
	keys := entry(t, appID+".desktop")
	if keys["Exec"] != "homeward %f" || keys["Icon"] != appID || keys["Type"] != "Application" || keys["Terminal"] != "false" {
		t.Errorf("%q", keys)
	}
	for _, key := range []string{"GenericName", "Comment", "Keywords"} {
		for _, lang := range languages {
			if keys[key] == "" || keys[key+"["+lang+"]"] == "" {
				t.Errorf("%s is not there in %s", key, lang)
			}
		}
	}
	opened := strings.Split(strings.TrimSuffix(keys["MimeType"], ";"), ";")
	var described []string
	for _, typ := range types(t).Types {
		described = append(described, typ.Type)
		var in []string
		for _, c := range typ.Comments {
			in = append(in, c.Lang)
		}
		slices.Sort(in)
		if typ.Icon.Name != appID || !slices.Equal(in, append([]string{""}, languages...)) {
			t.Errorf("%s: icon %q, described in %q", typ.Type, typ.Icon.Name, in)
		}
	}
	slices.Sort(opened)
	slices.Sort(described)
	if !slices.Equal(opened, described) || !slices.Contains(opened, "application/x-apple-aspen-config") {
		t.Errorf("it opens %q, and described are %q", opened, described)
	}
}

// TestAutostart: at login there is no window.
func TestAutostart(t *testing.T) {
	t.Parallel()
	keys := entry(t, "autostart.desktop")
	if keys["Exec"] != "homeward --hidden" || keys["NoDisplay"] != "true" {
		t.Errorf("%q", keys)
	}
	for _, lang := range languages {
		if keys["Comment["+lang+"]"] == "" {
			t.Errorf("no comment in %s", lang)
		}
	}
	if o, err := parse(strings.Fields(keys["Exec"])[1:]); err != nil || !o.hidden {
		t.Errorf("the program takes it as %+v, %v", o, err)
	}
}

// TestDesktopFilesAreValid asks the desktops' own tools.
func TestDesktopFilesAreValid(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("desktop-file-validate"); err != nil {
		t.Skip("desktop-file-validate is not there (desktop-file-utils)")
	}
	for _, name := range []string{appID + ".desktop", "autostart.desktop"} {
		if out, err := exec.Command("desktop-file-validate", filepath.Join(packaged, name)).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestProfilesHaveTypes has the system read the types, and tells files by them as a
// file manager does.
func TestProfilesHaveTypes(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"update-mime-database", "gio"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not there", tool)
		}
	}
	data := t.TempDir()
	if err := os.MkdirAll(filepath.Join(data, "mime", "packages"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(packaged, appID+".xml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(data, "mime", "packages", appID+".xml"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+data, "XDG_DATA_DIRS=/usr/share", "HOME="+data)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return string(out)
	}
	if out := run("update-mime-database", filepath.Join(data, "mime")); strings.Contains(out, "rror") {
		t.Errorf("update-mime-database: %s", out)
	}
	const plist = `<?xml version="1.0"?><!DOCTYPE plist><plist version="1.0"><dict><key>PayloadContent</key><array/></dict></plist>`
	for name, tt := range map[string]struct{ content, want string }{
		"office.mobileconfig":   {plist, "application/x-apple-aspen-config"},
		"signed.mobileconfig":   {"0\x82\x01\x00\x06\x09", "application/x-apple-aspen-config"},
		"without-an-ending":     {plist, "application/x-apple-aspen-config"},
		"office.sswan":          {`{"uuid": "x"}`, "application/vnd.strongswan.profile"},
		"office.nmconnection":   {"[connection]\nid=x\n", "application/x-networkmanager-connection"},
		"rasphone.pbk":          {"[office]\n", "application/x-windows-phonebook"},
		"school.onc":            {`{"Type": "x"}`, "application/x-onc"},
		"office.homeward.json":  {`{"version": 1}`, "application/x-homeward-profile+json"},
		"swanctl.conf":          {"connections {\n}\n", "text/x-strongswan-swanctl"},
		"ipsec.conf":            {"conn office\n", "text/x-strongswan-ipsec"},
		"a-list-of-colours.txt": {"red\n", "text/plain"},
	} {
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, []byte(tt.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if out := run("gio", "info", "-a", "standard::content-type", path); !strings.Contains(out, "content-type: "+tt.want+"\n") {
			t.Errorf("%s: %s, want %s", name, out, tt.want)
		}
	}
}

// TestIconsAreThere: what the entries and the types call their icon is installed under
// that name.
func TestIconsAreThere(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(makefile), "APP := "+appID+"\n") {
		t.Errorf("the Makefile does not call it %s", appID)
	}
	for _, icon := range []string{"app.svg", "connected.svg"} {
		if _, err := os.Stat(filepath.Join("../../assets/icons", icon)); err != nil || !strings.Contains(string(makefile), "assets/icons/"+icon) {
			t.Errorf("%s is not installed: %v", icon, err)
		}
	}
}

package provision

import (
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

func TestParseFile(t *testing.T) {
	t.Parallel()
	named := strings.Replace(office("Office"), `"eap-mschapv2"`, `"eap-mschapv2", "username": "shared"`, 1)
	for name, tt := range map[string]struct {
		text string
		may  []string
	}{
		"a profile as it is":              {office("Office"), []string{"client.username"}},
		"with a byte order mark":          {"\xEF\xBB\xBF" + office("Office"), []string{"client.username"}},
		"that names its user":             {named, nil},
		"an envelope":                     {`{"version": 1, "profile": ` + office("Office") + `}`, []string{"client.username"}},
		"an envelope that leaves some":    {`{"version": 1, "user_may_set": ["client.token", "on_demand.when"], "profile": ` + office("Office") + `}`, []string{"client.token", "on_demand.when"}},
		"an envelope that leaves nothing": {`{"version": 1, "user_may_set": [], "profile": ` + office("Office") + `}`, []string{}},
	} {
		l, err := parseFile("office.json", []byte(tt.text))
		if err != nil || l.profile.Name != "Office" || !slices.Equal(l.userMaySet, tt.may) || !profile.ValidID(l.profile.ID) {
			t.Errorf("%s: %+v, %v", name, l, err)
			continue
		}
		again, err := parseFile("another.json", []byte(tt.text))
		if err != nil || again.profile.ID != l.profile.ID {
			t.Errorf("%s: another ID at the next reading", name)
		}
	}
	other, err := parseFile("x.json", []byte(office("Other")))
	if l, lerr := parseFile("x.json", []byte(office("Office"))); err != nil || lerr != nil || l.profile.ID == other.profile.ID {
		t.Errorf("two profiles with one ID: %v, %v", err, lerr)
	}
}

func TestParseFileRefuses(t *testing.T) {
	t.Parallel()
	in := func(may string) string {
		return `{"version": 1, "user_may_set": ` + may + `, "profile": ` + office("Office") + `}`
	}
	for name, tt := range map[string]struct{ text, says string }{
		"nothing":                     {"", "no JSON object"},
		"half a file":                 {office("Office")[:40], "damaged"},
		"a list":                      {"[]", "no JSON object"},
		"something behind it":         {office("Office") + "{}", "behind its end"},
		"a later version":             {strings.Replace(in("[]"), `"version": 1`, `"version": 2`, 1), "version 2"},
		"no version":                  {`{"profile": ` + office("Office") + `}`, "version"},
		"an unknown field":            {strings.Replace(in("[]"), `"user_may_set"`, `"users_may_set"`, 1), `"users_may_set"`},
		"another case":                {strings.Replace(in("[]"), `"user_may_set"`, `"User_May_Set"`, 1), `"User_May_Set"`},
		"a field twice":               {strings.Replace(in("[]"), `"profile"`, `"version": 1, "profile"`, 1), "twice"},
		"a wrong type":                {in(`"client.username"`), "user_may_set"},
		"no such field":               {in(`["client.user"]`), "client.user"},
		"the ID":                      {in(`["id"]`), "id"},
		"the gateway":                 {in(`["gateway.address"]`), "gateway.address"},
		"who is trusted":              {in(`["gateway.anchors"]`), "gateway.anchors"},
		"the name":                    {in(`["name"]`), "name"},
		"a profile without a gateway": {`{"version": 1, "profile": {"version": 1, "name": "x"}}`, "gateway.address"},
		"a profile with a secret":     {strings.Replace(office("Office"), `"eap-mschapv2"`, `"eap-mschapv2", "password": "x"`, 1), "password"},
		"a foreign format":            {`<?xml version="1.0"?><plist/>`, "no JSON object"},
	} {
		l, err := parseFile("x.json", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\n") || strings.HasSuffix(err.Error(), ".") {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// TestLocked: whole parts are locked as such, and of the others each field that is not
// left to people.
func TestLocked(t *testing.T) {
	t.Parallel()
	l := laid{userMaySet: []string{"client.username", "traffic.local_network"}}
	list := l.locked()
	for _, want := range []string{"name", "gateway", "ike", "child", "dns", "session", "on_demand", "client.auth", "client.eap.methods", "traffic.full", "traffic.kill_switch"} {
		if !slices.Contains(list, want) {
			t.Errorf("%s is not locked: %q", want, list)
		}
	}
	for _, not := range []string{"client", "client.username", "traffic", "traffic.local_network"} {
		if slices.Contains(list, not) {
			t.Errorf("%s is locked: %q", not, list)
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(list)))); n != len(list) {
		t.Error("something is locked twice")
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(office("Office")))
	f.Add([]byte(`{"version": 1, "user_may_set": ["client.username"], "profile": ` + office("Office") + `}`))
	f.Add([]byte(`{"version": 2}`))
	f.Add([]byte(`{"version": 1, "profile": null, "profile": {}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseFile("x.json", data)
		if err != nil {
			return
		}
		if verr := l.profile.Validate(); verr != nil {
			t.Errorf("a profile that is not valid: %v", verr)
		}
		for _, path := range l.userMaySet {
			if slices.Contains(l.locked(), path) {
				t.Errorf("%s is locked and is not", path)
			}
		}
	})
}

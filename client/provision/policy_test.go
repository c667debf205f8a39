package provision

import (
	"reflect"
	"strings"
	"testing"
)

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	whole := `{"version": 1, "organization": "Harbour Ltd", "kill_switch": "lockdown", "local_network": "refuse",
		"user_may_set": ["local_network"], "always_on": "Harbour Office", "own_profiles": "administrators"}`
	for name, tt := range map[string]struct {
		text               string
		want               Policy
		killSwitch, nearby bool // held
	}{
		"nothing but a version": {`{"version": 1}`, Policy{}, false, false},
		"everything": {whole, Policy{
			Organization: "Harbour Ltd", KillSwitch: "lockdown", LocalNetwork: "refuse", UserMaySet: []string{"local_network"},
			AlwaysOn: "Harbour Office", OwnProfiles: "administrators",
		}, true, false},
		"off, and held": {`{"version": 1, "kill_switch": "off"}`, Policy{KillSwitch: "off"}, true, false},
		"on, and left":  {`{"version": 1, "kill_switch": "on", "user_may_set": ["kill_switch"]}`, Policy{KillSwitch: "on", UserMaySet: []string{"kill_switch"}}, false, false},
	} {
		p, err := ParsePolicy([]byte(tt.text))
		if err != nil || !reflect.DeepEqual(p, tt.want) || p.Holds(KillSwitchField) != tt.killSwitch || p.Holds(LocalNetworkField) != tt.nearby {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p := (Policy{Unknown: true}); !p.Holds(KillSwitchField) || !p.Holds(LocalNetworkField) {
		t.Error("a policy that is not known lets go")
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, says string }{
		"nothing":                 {"", "no JSON"},
		"half of it":              {`{"version": 1, "kill_switch": "lock`, "JSON"},
		"no version":              {`{"kill_switch": "on"}`, "version"},
		"a later version":         {`{"version": 2, "new": true}`, "version 2"},
		"a version in words":      {`{"version": "one"}`, "version"},
		"an unknown field":        {`{"version": 1, "killswitch": "on"}`, `"killswitch"`},
		"another case":            {`{"version": 1, "Kill_Switch": "on"}`, `"Kill_Switch"`},
		"a field twice":           {`{"version": 1, "kill_switch": "on", "kill_switch": "off"}`, "twice"},
		"a wrong type":            {`{"version": 1, "kill_switch": true}`, "kill_switch"},
		"a mode that is none":     {`{"version": 1, "kill_switch": "max"}`, "off, on or lockdown"},
		"a word that is none":     {`{"version": 1, "local_network": "yes"}`, "allow or refuse"},
		"own profiles, otherwise": {`{"version": 1, "own_profiles": "nobody"}`, "everybody or administrators"},
		"leaves what is no field": {`{"version": 1, "user_may_set": ["always_on"]}`, "always_on"},
		"leaves what it says not": {`{"version": 1, "user_may_set": ["kill_switch"]}`, "says nothing"},
		"a name with a line":      {`{"version": 1, "organization": "a\nb"}`, "organization"},
		"a long name":             {`{"version": 1, "always_on": "` + strings.Repeat("a", 200) + `"}`, "always_on"},
		"something behind it":     {`{"version": 1} x`, "JSON"},
		"very large":              {`{"version": 1}` + strings.Repeat(" ", maxPolicy), "larger"},
	} {
		if p, err := ParsePolicy([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"version": 1, "organization": "Harbour Ltd", "kill_switch": "lockdown", "user_may_set": ["kill_switch"]}`))
	f.Add([]byte(`{"version": 1e0}`))
	f.Add([]byte(`{"version": 1, "always_on": "x", "own_profiles": "administrators"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePolicy(data)
		if err == nil && (p.check() != nil || p.Unknown || p.AlwaysOnID != "") {
			t.Errorf("%+v", p)
		}
	})
}

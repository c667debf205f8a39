package lab

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Native is a profile in Homeward's own format, as an administrator would write
// it: user name and password at the lab's gateway with everything through the
// tunnel, unless Fields says otherwise.
type Native struct {
	Name string
	CA   [][]byte // DER: gateway.anchors
	// Fields are set by their whole names, "client.eap.methods": []string{"ttls"}; a
	// value of nil takes a field out. Certificates are [][]byte, DER.
	Fields map[string]any
}

// JSON is the file.
func (n Native) JSON() ([]byte, error) {
	fields := map[string]any{
		"version": 1, "name": n.Name, "gateway.address": GatewayName, "gateway.auth": "certificate",
		"client.auth": "eap-mschapv2", "traffic.full": true,
	}
	if len(n.CA) > 0 {
		fields["gateway.anchors"] = n.CA
	}
	maps.Copy(fields, n.Fields)
	file := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] == nil {
			continue
		}
		at := file
		path := strings.Split(name, ".")
		for _, part := range path[:len(path)-1] {
			inner, ok := at[part].(map[string]any)
			if !ok {
				if at[part] != nil {
					return nil, fmt.Errorf("lab: the profile's field %s stands inside another that is set as a whole", name)
				}
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		at[path[len(path)-1]] = fields[name]
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("lab: writing a profile: %w", err)
	}
	return text, nil
}

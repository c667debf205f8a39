package lab

import (
	"fmt"
	"strings"
)

// addSecond builds the second gateway's machine: on the same internet as the
// first, with a cable of its own to the intranet.
func (w *network) addSecond() error {
	var err error
	if w.second, err = newNamespace("second", map[string]string{"resolv.conf": publicResolv}); err != nil {
		return err
	}
	rules := strings.NewReplacer(VirtualPrefix.String(), SecondVirtualPrefix.String(),
		VirtualPrefix6.String(), SecondVirtualPrefix6.String()).Replace(gatewayRules)
	for _, step := range []func() error{
		func() error { return prepare(w.second, true) },
		func() error { return cable(w.second, "outside", w.internet, "second") },
		func() error { return cable(w.second, "inside", w.intranet, "eth1") },
		func() error { return ipBatch(w.internet, "link set second master br0", "link set second up") },
		func() error {
			return ipText(w.second, `
				addr add 203.0.113.6/24 dev outside
				addr add 2001:db8:113::6/64 dev outside nodad
				addr add 10.96.0.1/24 dev inside
				addr add fd00:96::1/64 dev inside nodad
				link set outside up
				link set inside up
				route add 10.99.0.0/24 via 10.96.0.2
				route add fd00:99::/64 via fd00:96::2
				route add fd00:77::/64 via 2001:db8:113::2`)
		},
		func() error {
			return ipText(w.intranet, `
				addr add 10.96.0.2/24 dev eth1
				addr add fd00:96::2/64 dev eth1 nodad
				link set eth1 up
				route add 10.98.1.0/24 via 10.96.0.1
				route add fd00:98:1::/64 via fd00:96::1`)
		},
		func() error { return nft(w.second, rules) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("lab: building the second gateway: %w", err)
		}
	}
	return nil
}

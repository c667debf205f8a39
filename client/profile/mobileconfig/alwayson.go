package mobileconfig

import (
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
)

// alwaysOnNote says what becomes of an always-on configuration. What a managed
// telephone forces on its owner only an administrator of this computer can.
const alwaysOnNote = "the line comes by itself and the kill switch is on while it is wanted; before you sign in to the computer it comes with a credential that an administrator gives to the service («sudo homewardctl machine set»), and everything is blocked without it only in lockdown («sudo homewardctl killswitch lockdown»)"

// always makes a connection one that is always there.
func (c *connection) always(interfaces []profile.RuleInterface) {
	c.profile.OnDemand.When = profile.WhenAlways
	c.profile.Traffic.KillSwitch = profile.KillSwitchOn
	if len(interfaces) != 1 {
		return
	}
	// One of several tunnels, each for a kind of network. A computer's cable stands in
	// for the Wi-Fi of a telephone.
	rules := []profile.Rule{{Action: profile.RuleConnect, Interface: interfaces[0]}}
	if interfaces[0] == profile.RuleWiFi {
		rules = append(rules, profile.Rule{Action: profile.RuleConnect, Interface: profile.RuleEthernet})
	}
	c.profile.OnDemand.Rules = append(rules, profile.Rule{Action: profile.RuleIgnore})
}

// interfacesOf gives the kinds of networks that a tunnel configuration is for; both
// where it does not say.
func interfacesOf(tunnel *value) []profile.RuleInterface {
	both := []profile.RuleInterface{profile.RuleCellular, profile.RuleWiFi}
	list, ok := matchList(newSection("", tunnel).get("Interfaces"), func(t string) bool { return t == "Cellular" || t == "WiFi" })
	if !ok || len(list) != 1 {
		return both
	}
	if list[0] == "WiFi" {
		return both[1:]
	}
	return both[:1]
}

// interfacesOfAll gives those of all tunnels that are the same connection.
func interfacesOfAll(tunnels []*value, own *value) (all []profile.RuleInterface) {
	for _, t := range tunnels {
		if t.kind != kindDict || !sameTunnel(t, own) {
			continue
		}
		for _, kind := range interfacesOf(t) {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	return all
}

// tellAlwaysOnKeys reports what stands around the tunnels.
func tellAlwaysOnKeys(s *section) {
	if s.flag("UIToggleEnabled", false) {
		s.honour("UIToggleEnabled", "you can disconnect; the line comes back when the network changes")
	}
	s.approx("UIToggleEnabled", "you can disconnect all the same, until the network changes; only lockdown holds against it")
	s.ignore("ServiceExceptions", "services of Apple devices; nothing goes beside the tunnel")
	s.refuse("ApplicationExceptions", "no program goes beside the tunnel")
	if s.flag("AllowCaptiveWebSheet", false) {
		s.approx("AllowCaptiveWebSheet", "signing in to a hotspot is your own choice each time")
	}
	s.ignore("AllowCaptiveWebSheet", "signing in to a hotspot is your own choice each time, and asks for nobody's leave")
	s.ignoreAll("for Apple devices", "AllowAllCaptiveNetworkPlugins", "AllowedCaptiveNetworkPlugins")
	s.rest(unknown)
}

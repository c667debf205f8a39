package swanctl

import (
	"strconv"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
	"github.com/homeward-vpn/homeward/client/profile/strongswan"
)

// children reads what goes through the tunnel: the networks of all children, with the
// algorithms of the first.
func (c *connection) children() error {
	var tunnels, passed []*section
	all := c.s.sub("children")
	if all != nil {
		for _, child := range all.sections {
			switch mode := child.value("mode"); mode {
			case "", "tunnel":
				c.tell(child, "mode", profile.Honoured, "")
				tunnels = append(tunnels, child)
			case "pass":
				passed = append(passed, child)
			default:
				c.Report.Under(child.path, profile.Refused, "the mode "+importer.Quote(mode)+" is not in this version")
			}
		}
		if len(tunnels) == 0 && len(all.sections) > len(passed) {
			return importer.Unsupported("%s is not for a tunnel, and this version makes nothing else", c.Name())
		}
	}
	for i, child := range tunnels {
		if err := c.child(child, i == 0); err != nil {
			return err
		}
	}
	c.Settle(join(c.s.path, "children"))
	for _, child := range passed {
		c.tell(child, "mode", profile.Honoured, "")
		c.Excluded(path(child, "remote_ts"), list(child, "remote_ts"))
		c.Report.Under(child.path, profile.Ignored, "of what goes past the tunnel")
	}
	return nil
}

// child reads one child.
func (c *connection) child(s *section, first bool) error {
	if s.get("ah_proposals") != nil && s.get("esp_proposals") == nil {
		return importer.Unsupported("%s protects its packets without encryption (AH), which this version does not do", c.Name())
	}
	entries := list(s, "remote_ts")
	if len(entries) == 0 {
		entries = []string{"dynamic"}
		c.Report.Absent(path(s, "remote_ts"), "the gateway names what goes through the tunnel")
	}
	c.Networks(path(s, "remote_ts"), entries)
	if n := strongswan.ParseNetworks(list(s, "local_ts")); n.Dynamic && len(n.Prefixes) == 0 && !n.Full {
		c.tell(s, "local_ts", profile.Honoured, "")
	}
	c.tell(s, "local_ts", profile.Approximated, "the address that the gateway assigns")
	c.start(s)
	c.childSwitches(s)
	if !first {
		c.Report.Under(s.path, profile.Approximated, "as the first child")
		return nil
	}
	c.Proposals(path(s, "esp_proposals"), s.value("esp_proposals"), proposal.ESP, true)
	c.tell(s, "ah_proposals", profile.Ignored, "for packets without encryption")
	c.childLife(s)
	c.ignore(s, "this version has margins of its own", "rand_time", "rand_bytes", "rand_packets")
	c.ignore(s, "only for the computer of strongSwan", "hostaccess", "policies", "policies_fwd_out", "priority", "interface", "mark_in", "mark_in_sa", "mark_out",
		"set_mark_in", "set_mark_out", "if_id_in", "if_id_out", "hw_offload", "replay_window", "reqid", "tfc_padding", "copy_df", "copy_ecn", "copy_dscp", "label", "label_mode", "per_cpu_sas")
	return nil
}

// start reads when the line comes by itself.
func (c *connection) start(s *section) {
	at := path(s, "start_action")
	switch s.value("start_action") {
	case "start", "trap|start", "start|trap":
		c.Start(at, profile.Honoured, "the line comes by itself while a program of yours can sign in")
	case "trap":
		c.Start(at, profile.Approximated, "the line comes by itself while a program of yours can sign in, and not with the first packet")
	}
	c.tell(s, "start_action", profile.Honoured, "")
	for _, name := range []string{"close_action", "dpd_action"} {
		if v := s.value(name); v == "none" || v == "clear" {
			c.tell(s, name, profile.Approximated, "a line that was lost comes back by itself")
		}
		c.tell(s, name, profile.Honoured, "")
	}
}

func (c *connection) childSwitches(s *section) {
	if on, _ := strongswan.Switch(s.value("ipcomp")); on {
		c.tell(s, "ipcomp", profile.Approximated, "packets are not compressed")
	}
	c.tell(s, "ipcomp", profile.Honoured, "")
	if on, _ := strongswan.Switch(s.value("sha256_96")); on {
		c.tell(s, "sha256_96", profile.Refused, "shorter checks than the standard's are not in this version; the gateway has to use the standard's")
	}
	c.tell(s, "sha256_96", profile.Honoured, "")
	if d, ok := strongswan.Time(s.value("inactivity")); !ok || d > 0 {
		c.tell(s, "inactivity", profile.Refused, "this version stays connected until you disconnect")
	}
	c.tell(s, "inactivity", profile.Honoured, "")
	c.tell(s, "updown", profile.Refused, "no program is run")
}

// childLife reads for how long, and for how much, keys are used.
func (c *connection) childLife(s *section) {
	sa := &c.Profile.Child
	switch rekey, life := s.get("rekey_time"), s.get("life_time"); {
	case rekey != nil:
		c.Lifetime(rekey.path, rekey.value, sa)
		c.tell(s, "life_time", profile.Approximated, "keys are renewed by the time of rekey_time")
	case life != nil:
		c.Lifetime(life.path, life.value, sa)
	}
	c.amount(s, "bytes", profile.MinLifetimeBytes, profile.MaxLifetimeBytes, &sa.LifetimeBytes)
	c.amount(s, "packets", profile.MinLifetimePackets, profile.MaxLifetimePackets, &sa.LifetimePackets)
}

func (c *connection) amount(s *section, what string, low, high uint64, to *uint64) {
	for _, name := range []string{"life_" + what, "rekey_" + what} {
		t := s.get(name)
		if t == nil {
			continue
		}
		n, err := strconv.ParseUint(t.value, 10, 64)
		switch held := min(max(n, low), high); {
		case err != nil:
			c.Report.Refuse(t.path, "not a number; as much as the algorithms allow")
		case n == 0:
			c.Report.Approx(t.path, "as much as the algorithms allow")
		case *to != 0:
			c.Report.Approx(t.path, "keys are renewed in time for the other amount")
		default:
			*to = held
			if held != n {
				c.Report.Approx(t.path, "taken as "+strconv.FormatUint(held, 10))
			}
			c.Report.Honour(t.path, "")
		}
	}
}

package rasphone

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/winras"
)

// CustomIPSecPolicies is six numbers of 32 bits, the lowest byte first, each the
// place of an algorithm in a list.
var policyParts = []struct {
	part  string
	names []string
}{
	{winras.Integrity, []string{"MD5", "SHA196", "SHA256", "SHA384"}},
	{winras.Encryption, []string{"DES", "DES3", "AES128", "AES192", "AES256", "AES_GCM_128", "AES_GCM_256"}},
	{winras.Group, []string{"None", "Group1", "Group2", "Group14", "ECP256", "ECP384", "Group24"}},
	{winras.Cipher, []string{"None", "DES", "DES3", "AES128", "AES192", "AES256", "GCMAES128", "GCMAES192", "GCMAES256"}},
	{winras.Transform, []string{"MD596", "SHA196", "SHA256128", "GCMAES128", "GCMAES192", "GCMAES256"}},
	{winras.PFS, []string{"None", "PFS1", "PFS2", "PFS2048", "ECP256", "ECP384", "PFSMM", "PFS24"}},
}

// policy reads the algorithms that the entry asks for.
func (c *connection) policy() {
	const key, count = "CustomIPSecPolicies", "NumCustomPolicy"
	k := c.entry.find(key)
	if k == nil || k.value == "" || c.number(count, 1) == 0 {
		c.ignore(key, "the entry has none of its own")
		c.honour(count, "this version's own algorithms are offered")
		if k == nil {
			c.report.Absent(key, "this version's own algorithms are offered; Windows would offer weak ones first")
		}
		return
	}
	c.honour(count, "")
	suite, shown, ok := readPolicy(k.value)
	if !ok {
		c.report.Refuse(k.path, "not a set of algorithms that this version knows; its own are offered")
		return
	}
	c.report.Show(k.path, shown)
	var notes []string
	weak, left := false, false
	suite.Use(&c.profile, func(part string, verdict profile.Verdict, note string, lowers bool) {
		weak = weak || lowers
		left = left || verdict == profile.Refused
		if verdict == profile.Refused || lowers {
			notes = append(notes, suite[part]+": "+note)
		}
	})
	switch {
	case left:
		c.report.Refuse(k.path, strings.Join(notes, "; "))
	case weak:
		c.report.Approx(k.path, strings.Join(notes, "; "))
		c.report.Lowers(k.path)
	}
	c.report.Honour(k.path, "")
}

// readPolicy gives the suite that the digits stand for, and its names in a line.
func readPolicy(digits string) (suite winras.Suite, shown string, ok bool) {
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != 4*len(policyParts) {
		return nil, "", false
	}
	suite = winras.Suite{}
	var list []string
	for i, p := range policyParts {
		n := binary.LittleEndian.Uint32(raw[4*i:])
		if n >= uint32(len(p.names)) {
			return nil, "", false
		}
		suite[p.part] = p.names[n]
		list = append(list, p.names[n])
	}
	return suite, strings.Join(list, ", "), true
}

package profile

import "testing"

// RFC 9370: which additional key exchanges a profile can name.
func TestAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for group, ok := range map[string]bool{
		"x25519":                           true,
		"x25519-ke1_mlkem768":              true,
		"x25519-ke1_mlkem768-ke1_none":     true,
		"ecp384-ke2_mlkem1024-ke7_x25519":  true,
		"x25519-ke1_modp1024":              false, // legacy
		"x25519-ke0_mlkem768":              false,
		"x25519-ke8_mlkem768":              false,
		"x25519-mlkem768":                  false,
		"x25519-ke1":                       false,
		"x25519-ke1_mlkem512":              false,
		"x25519-":                          false,
		"mlkem768":                         false,
		"none-ke1_mlkem768":                false,
		"x25519-ke1_mlkem768-ke1_mlkem768": false,
	} {
		if err := (&SA{}).validExchanges("ike.proposals[0].group", group); (err == nil) != ok {
			t.Errorf("%s: %v", group, err)
		}
	}
	if !(Proposal{Encryption: "aes128", Integrity: "sha256", Group: "x25519-ke1_modp1024"}).Legacy() {
		t.Error("an additional key exchange that is no longer safe is not seen")
	}
	if err := (&SA{Legacy: true}).validExchanges("ike.proposals[0].group", "x25519-ke1_modp1024"); err != nil {
		t.Error(err)
	}
}

package formats_test

import (
	"fmt"
	"os"

	"github.com/homeward-vpn/homeward/client/profile/formats"
)

// A person opens the file that IT sent, and is shown what it is.
func ExampleImport() {
	data, err := os.ReadFile("testdata/office.mobileconfig")
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := formats.Import(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, im := range found {
		p := im.Profile
		fmt.Printf("%s: %s at %s, as %s\n", p.Origin.Organization, p.Name, p.Gateway.Address, p.Client.Username)
		fmt.Println("names of", p.DNS.Domains)
	}
	// Output:
	// Harbour Ltd: Harbour Office at vpn.harbour.example, as alice
	// names of [harbour.example]
}

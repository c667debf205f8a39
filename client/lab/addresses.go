package lab

import "net/netip"

// The lab's addresses and names.
var (
	ClientAddress  = netip.MustParseAddr("192.168.77.2")
	ClientAddress6 = netip.MustParseAddr("fd00:77::2")
	RouterInside   = netip.MustParseAddr("192.168.77.1") // also the client's own DNS server
	RouterInside6  = netip.MustParseAddr("fd00:77::1")

	RouterOutside   = netip.MustParseAddr("203.0.113.2") // what the internet sees of the client
	RouterOutside6  = netip.MustParseAddr("2001:db8:113::2")
	RouterSecond    = netip.MustParseAddr("203.0.113.3") // a mapping may move here
	RouterSecond6   = netip.MustParseAddr("2001:db8:113::3")
	PublicAddress   = netip.MustParseAddr("203.0.113.53") // the public DNS and web server
	PublicAddress6  = netip.MustParseAddr("2001:db8:113::53")
	GatewayAddress  = netip.MustParseAddr("203.0.113.1")
	GatewayAddress6 = netip.MustParseAddr("2001:db8:113::1")

	GatewayInside    = netip.MustParseAddr("10.99.0.1")
	GatewayInside6   = netip.MustParseAddr("fd00:99::1")
	IntranetAddress  = netip.MustParseAddr("10.99.0.2") // the company's DNS and web server
	IntranetAddress6 = netip.MustParseAddr("fd00:99::2")

	// IntranetSecond is the same server in a second network of the company's,
	// IPv4 only.
	IntranetSecond = netip.MustParseAddr("10.97.0.2")

	IntranetPrefix  = netip.MustParsePrefix("10.99.0.0/24")
	IntranetPrefix6 = netip.MustParsePrefix("fd00:99::/64")
	SecondPrefix    = netip.MustParsePrefix("10.97.0.0/24") // of IntranetSecond
	VirtualPrefix   = netip.MustParsePrefix("10.98.0.0/24") // what the gateway hands out
	VirtualPrefix6  = netip.MustParsePrefix("fd00:98::/64")
)

// The second gateway, where there is one, and what it hands out.
var (
	SecondGatewayAddress  = netip.MustParseAddr("203.0.113.6")
	SecondGatewayAddress6 = netip.MustParseAddr("2001:db8:113::6")
	SecondVirtualPrefix   = netip.MustParsePrefix("10.98.1.0/24")
	SecondVirtualPrefix6  = netip.MustParsePrefix("fd00:98:1::/64")
)

// Names. Those of the gateway and of PublicName are known everywhere, the
// others of CompanyDomain to the company's DNS server only.
const (
	CompanyDomain   = "corp.example"
	IntranetName    = "intranet.corp.example"
	GatewayName     = "vpn.corp.example"      // IPv4 only
	GatewayName6    = "vpn6.corp.example"     // IPv6 only
	GatewayNameBoth = "vpn-both.corp.example" // both
	SecondName      = "vpn2.corp.example"     // the second gateway, both
	PublicName      = "www.public.example"
)

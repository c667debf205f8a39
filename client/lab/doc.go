// Package lab is a company network in a box: a client, a NAT router, a public
// internet, a strongSwan gateway and an intranet, each in network namespaces
// of their own, on one Linux machine and without touching it.
//
//	client ---- router ------------ internet (bridge) ---- gateway ---- intranet
//	  .2     .1       .2              .53               .1       .1        .2
//	192.168.77.0/24      203.0.113.0/24                    10.99.0.0/24
//	fd00:77::/64         2001:db8:113::/64                 fd00:99::/64
//
// The router masquerades IPv4 and routes IPv6; a Relay in it can make the path
// bad at a test's command. The gateway hands out addresses of 10.98.0.0/24 and
// fd00:98::/64 and forwards nothing between its outside and its inside but
// what came through a tunnel. The intranet's DNS and web server answer inside
// only; a public DNS and web server stand at .53. Options.Uplinks gives the
// client LTE behind a second NAT, a cable with a public address and an uplink of
// IPv6 alone, which come and go at a test's command, and Options.NAT64 one of IPv6 alone
// with a real translator; Options.Second adds a
// gateway that clients may be sent to, Options.RADIUS gives the gateway
// FreeRADIUS and hostapd, whom it asks about those who sign in. Where Options.Names says so, a
// real systemd-resolved or openresolv keeps the client's resolv.conf; its files
// come from Debian packages that are unpacked, never installed.
//
// A Rogue in the client's Wi-Fi answers DHCP and announces itself as a router, to have
// the client's traffic.
//
// A Sniffer at the far ends of the client's cables counts what leaves the client and
// should not, while a Stranger, another user of the client's machine, talks to
// everybody in every way without a pause.
//
// InstallSystem puts a whole system with systemd in the place of the client's bare
// machine, which brings the network up by itself and boots as often as a test wants;
// that needs real root.
//
// A program that wants a lab calls Enter (a test binary: Main) before anything
// else. That runs the program again in fresh mount, network, process and (for
// an ordinary user) user namespaces, so that the kernel takes everything away
// when the program ends, also after a kill -9: no namespace, process, mount,
// route or file is left. All files of a lab lie on a tmpfs that only these
// processes see.
//
// The package owns processes, namespaces and files of the lab. It never
// changes the machine outside those namespaces, knows the client that it
// tests as programs only (of its packages it has ike, to leave an IKE SA half
// open at the gateway), and is not part of any program that a user installs. Tests, `make demo` and `make lab` call it.
package lab

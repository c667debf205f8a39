// Package winras is what the two formats of Windows, ProfileXML and the phone
// book, say alike: the names of algorithms (suite.go) and the numbers of EAP
// methods (eap.go), and what becomes of them in the model.
//
// It reads no file. The importers profilexml and rasphone call it.
package winras

import "github.com/homeward-vpn/homeward/client/profile"

// Protocols are the words for what a connection is that is not IKEv2.
var Protocols = map[string]string{
	"pptp": "a PPTP connection", "l2tp": "an L2TP connection", "sstp": "an SSTP connection",
}

// Gateway notes what the gateways of Windows are known for. They send packets
// to the port that the handshake began with, so it begins on the right one;
// with any other gateway that changes nothing.
func Gateway(g *profile.Gateway) { g.Quirks = []profile.Quirk{profile.QuirkESPToOldPort} }

// GatewayNote says so in a report.
const GatewayNote = "the handshake begins on port 4500, because Windows' own gateways send packets to the port that it began with"

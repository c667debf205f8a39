package desktop

import (
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// offered are the connections of a file; with lowers, one of them wants what is not safe.
func offered(t testing.TB, lowers bool) []profile.Imported {
	t.Helper()
	in := profile.Imported{
		Profile: profile.Profile{
			Version: profile.Version, ID: harbour.ID, Name: harbour.Name,
			Origin:   profile.Origin{Format: "mobileconfig", Organization: "Harbour Office", SignedBy: "Harbour Office IT", SignerTrusted: true},
			Gateway:  profile.Gateway{Address: harbour.Gateway, Auth: profile.GatewayCertificate},
			Client:   profile.Client{Auth: profile.ClientMSCHAPv2, Username: harbour.Username},
			Traffic:  profile.Traffic{Full: true},
			OnDemand: profile.OnDemand{When: profile.WhenLogin},
		},
		Report: []profile.Line{
			{Path: "IKEv2.RemoteAddress", Value: harbour.Gateway, Verdict: profile.Honoured},
			{Path: "IKEv2.AuthName", Value: harbour.Username, Verdict: profile.Honoured},
			{Path: "IKEv2.DeadPeerDetectionRate", Value: "Medium", Verdict: profile.Approximated, Note: "the gateway is asked every 10 minutes"},
			{Path: "IKEv2.DisableMOBIKE", Value: "0", Verdict: profile.Ignored, Note: "it is so without it"},
		},
	}
	if lowers {
		in.Profile.Origin.SignedBy, in.Profile.Origin.SignerTrusted = "", false
		in.Report = append(in.Report, profile.Line{
			Path: "IKEv2.IKESecurityAssociationParameters.IntegrityAlgorithm", Value: "SHA1-96", Verdict: profile.Honoured,
			Note: "SHA-1 is no longer safe", Lowers: true,
		}, profile.Line{Path: "IKEv2.ProviderType", Value: "app-proxy", Verdict: profile.Refused, Note: "Homeward carries packets, not connections of single programs"})
	}
	return []profile.Imported{in}
}

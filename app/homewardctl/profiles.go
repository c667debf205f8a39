package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

func (a *app) profilesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "profiles",
		Short: "List your profiles",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.client.Profiles(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.out, list)
			}
			return a.printProfiles(list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printProfiles(list []control.ProfileInfo) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.out, "There are no profiles. Import the one that your administrator sent: «homewardctl import FILE».")
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 3, ' ', 0)
	managed := slices.ContainsFunc(list, func(p control.ProfileInfo) bool { return p.Managed })
	last := map[bool]string{}
	if managed {
		last = map[bool]string{true: "\tfor everybody", false: "\tyourself"}
		fmt.Fprintln(w, "NAME\tGATEWAY\tSIGN IN WITH\tUSER\tLAID DOWN")
	} else {
		fmt.Fprintln(w, "NAME\tGATEWAY\tSIGN IN WITH\tUSER")
	}
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", plain(p.Name), plain(p.Gateway), plain(p.SignIn), plain(p.Username), last[p.Managed])
	}
	return w.Flush()
}

func printJSON(w io.Writer, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(data))
	return err
}

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show what a profile says",
		Args:              exactly(1, "one profile's name"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.client.Profile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printFile(p)
			}
			return a.printProfile(p)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as a file that import reads, without secrets")
	return cmd
}

// printFile prints a profile as Homeward's own file.
func (a *app) printFile(p *profile.Profile) error {
	text, err := native.Encode(p)
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}

// row is one line of a table of facts; an empty value is left out.
type row struct{ name, value string }

func printRows(out io.Writer, indent string, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, r := range rows {
		if r.value != "" {
			fmt.Fprintf(w, "%s%s\t%s\n", indent, r.name, plain(r.value))
		}
	}
	return w.Flush()
}

func (a *app) printProfile(p *profile.Profile) error {
	if _, err := fmt.Fprintln(a.out, plain(p.Name)); err != nil {
		return err
	}
	identity := p.Gateway.Identity
	if identity == "" {
		identity = p.Gateway.Address
	}
	rows := []row{
		{"Description", p.Origin.Description},
		{"From", p.Origin.Organization},
		{"Gateway", p.Gateway.Address},
		{"Expected identity", identity},
		{"Expected name", p.Gateway.CertificateName},
		{"Proves itself by", gatewayAuth(p)},
		{"Pinned keys", strings.Join(p.Gateway.Pins, ", ")},
		{"Revoked certificates", revocation(p)},
	}
	rows = append(rows, signInRows(p)...)
	rows = append(rows, []row{
		{"Through the tunnel", traffic(p.Traffic)},
		{"Never through it", prefixes(p.Traffic.Exclude)},
		{"Names asked there", strings.Join(p.DNS.Domains, ", ")},
		{"IKE encryption", proposals(p.IKE)},
		{"ESP encryption", proposals(p.Child)},
	}...)
	rows = append(rows, guardRows(p.Traffic)...)
	rows = append(rows, demandRows(p.OnDemand)...)
	rows = append(rows, row{"ID", p.ID})
	if err := printRows(a.out, "  ", rows); err != nil {
		return err
	}
	return a.printLowered(p)
}

func gatewayAuth(p *profile.Profile) string {
	switch {
	case p.Gateway.Auth == profile.GatewayPSK:
		return "shared key"
	case len(p.Gateway.Anchors) > 0:
		return "certificate, issued by " + firstCertificate(p.Gateway.Anchors)
	default:
		return "certificate that this computer trusts"
	}
}

// firstCertificate names a certificate and its end.
func firstCertificate(chain [][]byte) string {
	if len(chain) == 0 {
		return ""
	}
	c, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return "a certificate that cannot be read"
	}
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	return fmt.Sprintf("%s (until %s)", name, c.NotAfter.Format("2 January 2006"))
}

func traffic(t profile.Traffic) string {
	switch {
	case t.Full:
		return "everything"
	case len(t.Include) > 0 && t.AcceptPushed:
		return prefixes(t.Include) + ", and what the gateway names"
	case t.AcceptPushed:
		return "what the gateway names"
	default:
		return prefixes(t.Include)
	}
}

func prefixes(list []netip.Prefix) string {
	var words []string
	for _, p := range list {
		if p.IsSingleIP() {
			words = append(words, p.Addr().String())
		} else {
			words = append(words, p.String())
		}
	}
	return strings.Join(words, ", ")
}

func proposals(s profile.SA) string {
	var words []string
	for _, p := range s.Proposals {
		parts := []string{p.Encryption}
		for _, part := range []string{p.Integrity, p.PRF, p.Group} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		words = append(words, strings.Join(parts, "-"))
	}
	if !s.Strict {
		words = append(words, "Homeward's own set")
	}
	return strings.Join(words, ", then ")
}

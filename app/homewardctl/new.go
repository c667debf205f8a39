package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

// newOptions are the flags of new.
type newOptions struct {
	gateway, user, signIn string
	authorities           []string
	set                   []string
}

// The ways to sign in that new knows by a word; edit --set knows the rest.
var signInWords = map[string]profile.Client{
	"password":    {Auth: profile.ClientMSCHAPv2},
	"certificate": {Auth: profile.ClientCertificate},
	"psk":         {Auth: profile.ClientPSK},
	"eap-tls":     {Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPTLS}}},
	"eap-ttls":    {Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPTTLS}}},
	"peap":        {Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPPEAP}}},
}

func (a *app) newCommand() *cobra.Command {
	var o newOptions
	cmd := &cobra.Command{
		Use:   "new NAME --gateway HOST",
		Short: "Make a profile by hand",
		Long: `Make a profile by hand: where the gateway is and how you sign in; the rest has the
defaults, which «edit» changes. Everything goes through the tunnel, and the gateway
shows a certificate that this computer trusts, or that --ca has issued.`,
		Args: exactly(1, "a name for the profile"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.newProfile(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.gateway, "gateway", "", "host name or address of the gateway")
	cmd.Flags().StringVar(&o.user, "user", "", "sign in with this user name; without it you are asked")
	cmd.Flags().StringVar(&o.signIn, "sign-in", "password", "password, certificate, psk, eap-tls, eap-ttls or peap")
	cmd.Flags().StringArrayVar(&o.authorities, "ca", nil, "file with the certificate of the authority that the gateway's is from; may be given several times")
	setFlag(cmd, &o.set)
	return cmd
}

func (a *app) newProfile(ctx context.Context, name string, o newOptions) error {
	client, known := signInWords[o.signIn]
	switch {
	case o.gateway == "":
		return errors.New("a profile wants to know its gateway; give its name or address with --gateway")
	case !known:
		return fmt.Errorf("--sign-in can be password, certificate, psk, eap-tls, eap-ttls or peap, and not %q; «homewardctl edit --set client.auth=…» knows more", o.signIn)
	}
	client.Username = o.user
	p := &profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: name, Origin: profile.Origin{Format: native.Format},
		Gateway: profile.Gateway{Address: o.gateway, Auth: profile.GatewayCertificate},
		Client:  client, Traffic: profile.Traffic{Full: true},
	}
	if client.Auth == profile.ClientPSK {
		p.Gateway.Auth = profile.GatewayPSK
	}
	for _, path := range o.authorities {
		data, err := readKeyFile(path)
		if err != nil {
			return err
		}
		chain, err := keyfile.Certificates(data)
		if err != nil {
			return fmt.Errorf("%s holds no certificate that can be read (%w); give one in PEM or DER", path, err)
		}
		for _, c := range chain {
			p.Gateway.Anchors = append(p.Gateway.Anchors, c.Raw)
		}
	}
	if err := setFields(p, o.set); err != nil {
		return err
	}
	if err := usable(p); err != nil {
		return err
	}
	if err := a.client.AddProfile(ctx, p); err != nil {
		return err
	}
	if err := a.printLowered(p); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "Made %s. Connect with «homewardctl connect %s».\n", plain(p.Name), quoteArg(p.Name))
	return err
}

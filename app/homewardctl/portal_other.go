//go:build !linux

package main

import (
	"errors"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
)

func (*app) startBrowser(control.PortalSignIn, string, []string) (*exec.Cmd, error) {
	return nil, errors.ErrUnsupported
}

func (*app) portalEnterCommand() *cobra.Command {
	return &cobra.Command{Use: "enter", Hidden: true, RunE: func(*cobra.Command, []string) error { return errors.ErrUnsupported }}
}

func (*app) confinedCommand() *cobra.Command {
	return &cobra.Command{Use: "confined", Hidden: true, RunE: func(*cobra.Command, []string) error { return errors.ErrUnsupported }}
}

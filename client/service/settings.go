package service

import (
	"context"

	"github.com/homeward-vpn/homeward/client/control"
)

// Settings implements control.Backend.
func (s *Service) Settings(control.Caller) control.Settings { return control.Settings{} }

// ChangeSettings implements control.Backend.
func (s *Service) ChangeSettings(context.Context, control.Caller, control.SettingsChange) (control.Settings, error) {
	return control.Settings{}, control.Refuse(control.CodeUnavailable, "this service has no kill switch")
}

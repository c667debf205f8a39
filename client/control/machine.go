package control

import (
	"context"
	"net/http"
	"net/url"

	"github.com/homeward-vpn/homeward/client/profile"
)

// MachineCredential is what the service signs in with by a profile before anybody has
// signed in to the computer. It goes in and never comes out.
type MachineCredential struct {
	Profile  string `json:"profile"` // a name, or an ID
	Username string `json:"username,omitempty"`
	Password Secret `json:"password,omitempty"`
	PSK      Secret `json:"psk,omitempty"`
	// PrivateKey is that of Certificates' first, PKCS#8 in DER.
	PrivateKey   Secret   `json:"private_key,omitempty"`
	Certificates [][]byte `json:"certificates,omitempty"` // DER, the leaf first
}

// Clear overwrites the secrets.
func (m *MachineCredential) Clear() {
	clear(m.Password)
	clear(m.PSK)
	clear(m.PrivateKey)
}

// MachineInfo describes what is kept, without secrets.
type MachineInfo struct {
	Profile   string `json:"profile"`
	ProfileID string `json:"profile_id"`
	Owner     uint32 `json:"owner"`
	When      string `json:"when,omitempty"` // the profile's
	Kind      string `json:"kind"`           // for a person: "password of alice"
	// Used: the service signs in with it. Else the profile leads elsewhere by now, or
	// does not want a line before login.
	Used bool `json:"used"`
}

// maxMachine bounds a MachineCredential on its way, in bytes: certificates in base64.
const maxMachine = 512 << 10

// mostMachineCertificates bounds the chain.
const mostMachineCertificates = 16

func (m *MachineCredential) validate() error {
	switch {
	case m.Profile == "" || len(m.Profile) > profile.MaxName:
		return Refuse(CodeBadRequest, "no profile was named; see «homewardctl profiles»")
	case len(m.Username) > maxUsername:
		return Refuse(CodeBadRequest, "a name is longer than any name may be")
	case len(m.Password) > maxSecret || len(m.PSK) > maxSecret:
		return Refuse(CodeTooLarge, "the password is longer than any may be")
	case len(m.PrivateKey) > 0 != (len(m.Certificates) > 0) || len(m.Certificates) > mostMachineCertificates:
		return Refuse(CodeBadRequest, "a private key and its certificate come together; give the file that holds both")
	case len(m.Password)+len(m.PSK)+len(m.PrivateKey) == 0:
		return Refuse(CodeBadRequest, "nothing was given to sign in with")
	}
	return nil
}

// SetMachine has the service keep a credential. The secrets stay the caller's, who
// clears them.
func (c *Client) SetMachine(ctx context.Context, m MachineCredential) error {
	return c.call(ctx, http.MethodPut, "machine", m, nil)
}

// RemoveMachine has the service forget one.
func (c *Client) RemoveMachine(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "machine?name="+url.QueryEscape(name), nil, nil)
}

// Machines lists what the service keeps, for an administrator.
func (c *Client) Machines(ctx context.Context) ([]MachineInfo, error) {
	var v []MachineInfo
	return v, c.call(ctx, http.MethodGet, "machine", nil, &v)
}

func (s *Server) setMachine(ctx context.Context, c Caller, r *http.Request) (any, error) {
	var m MachineCredential
	defer m.Clear()
	if err := decode(r.Body, &m); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return nil, s.backend.SetMachine(ctx, c, m)
}

func (s *Server) removeMachine(ctx context.Context, c Caller, r *http.Request) (any, error) {
	return nil, s.backend.RemoveMachine(ctx, c, r.URL.Query().Get("name"))
}

func (s *Server) machines(_ context.Context, c Caller, _ *http.Request) (any, error) {
	return s.backend.Machines(c)
}

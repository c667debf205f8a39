package viewmodel

import (
	"testing"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

func TestPasswordSheet(t *testing.T) {
	t.Parallel()
	v := PromptSheet(credential.Prompt{
		Kind: credential.KindPassword, Text: "Password of anna for Harbour Office", Refused: true, Message: "Locked after\n3 tries", Speaker: "The gateway",
		Username: "anna", Profile: harbour.Name, Gateway: harbour.Gateway, KeptIn: credential.ModeKeychain,
	}, noon, speak(t, "en"))
	if v.Title != "Harbour Office asks for your password" || v.Why != "To sign in as anna at gate.harbour.example." {
		t.Errorf("%q %q", v.Title, v.Why)
	}
	if v.Refused == "" || v.Quote == nil || len(v.Quote.Lines) != 2 || v.Remember == nil || !v.Remember.On || len(v.Fields) != 1 {
		t.Errorf("%+v", v)
	}
}

func TestNewProfileByHand(t *testing.T) {
	t.Parallel()
	d := NewDraft("0123456789abcdef0123456789abcdef", nil)
	if v := Editor(d, speak(t, "en")); !v.Save.Disabled || v.Groups[0].Fields[0].Problem != "" {
		t.Errorf("the empty form: %+v", v.Groups[0])
	}
	d = d.With(FieldName, "Office").With(FieldAddress, "vpn.example.com")
	p, ok := d.Profile()
	if !ok {
		t.Fatalf("%+v", Editor(d, speak(t, "en")))
	}
	if p.Client.Auth != profile.ClientMSCHAPv2 || !p.Traffic.Full || p.Gateway.Address != "vpn.example.com" {
		t.Errorf("%+v", p)
	}
}

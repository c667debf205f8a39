package viewmodel

import (
	"github.com/homeward-vpn/homeward/client/control"
)

// ExportFormat is a format in which a profile can be given away.
type ExportFormat string

// The formats.
const (
	ExportMobileconfig ExportFormat = "mobileconfig"
	ExportSswan        ExportFormat = "sswan"
	ExportHomeward     ExportFormat = "homeward"
)

// ConfirmRemove asks before a profile is removed with what is kept for it.
func ConfirmRemove(p control.ProfileInfo, say Say) ConfirmView {
	t := texts{say: say}
	return ConfirmView{
		Title: t.with("remove.title", data{"Profile": p.Name}), Sentence: t.s("remove.sentence"),
		Yes: Button{Text: t.s("remove.yes"), Action: Action{Kind: ActionRemove, Profile: p.ID}}, No: t.s("button.cancel"), Danger: true,
	}
}

// ConfirmLockdown asks before nothing leaves any more.
func ConfirmLockdown(say Say) ConfirmView {
	t := texts{say: say}
	return ConfirmView{
		Title: t.s("lockdown.title"), Sentence: t.s("lockdown.sentence"),
		Yes: Button{Text: t.s("lockdown.yes"), Action: Action{Kind: ActionKillSwitch, Value: control.KillSwitchLockdown}}, No: t.s("button.cancel"), Danger: true,
	}
}

// AskRename asks for a profile's new name.
func AskRename(p control.ProfileInfo, say Say) ConfirmView {
	t := texts{say: say}
	return ConfirmView{
		Title: t.with("rename.title", data{"Profile": p.Name}), Field: &PromptField{Label: t.s("field.name")}, Value: Clean(p.Name, maxName),
		Yes: Button{Text: t.s("rename.yes"), Action: Action{Kind: ActionRename, Profile: p.ID}, Primary: true}, No: t.s("button.cancel"),
	}
}

// AskExport asks for the format in which a profile is given away.
func AskExport(p control.ProfileInfo, say Say) ConfirmView {
	t := texts{say: say}
	v := ConfirmView{
		Title: t.with("export.title", data{"Profile": p.Name}), Sentence: t.s("export.sentence"),
		Yes: Button{Text: t.s("export.yes"), Action: Action{Kind: ActionExport, Profile: p.ID}, Primary: true}, No: t.s("button.cancel"),
	}
	for _, f := range []ExportFormat{ExportMobileconfig, ExportSswan, ExportHomeward} {
		v.Options = append(v.Options, PromptOption{ID: string(f), Label: t.s("export." + string(f)), Detail: t.s("export." + string(f) + ".detail")})
	}
	return v
}

package tun

import (
	"encoding/json"
	"testing"
)

func TestUndoRefusesBrokenRecords(t *testing.T) {
	t.Parallel()
	undo := Undo()[kind]
	if undo == nil {
		t.Fatalf("no undo for %q", kind)
	}
	if err := undo(json.RawMessage(`{"name":`)); err == nil {
		t.Error("a broken record is accepted")
	}
	if err := undo(json.RawMessage(`{"name":"homeward-gone","index":4711}`)); err != nil {
		t.Errorf("a device that is gone is an error: %v", err)
	}
}

//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeCtl is a homewardctl that does what a shell script says.
func fakeCtl(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ctlName)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFindCtl: the one beside this program goes before any other.
func TestFindCtl(t *testing.T) {
	beside := fakeCtl(t, "")
	other := func(string) (string, error) { return "/elsewhere/homewardctl", nil }
	none := func(string) (string, error) { return "", errors.New("not found") }
	if got, err := findCtl(filepath.Join(filepath.Dir(beside), "homeward"), other); got != beside || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	empty := filepath.Join(t.TempDir(), "homeward")
	if got, err := findCtl(empty, other); got != "/elsewhere/homewardctl" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := findCtl(empty, none); err == nil || !strings.Contains(err.Error(), "install") {
		t.Errorf("without one: %v", err)
	}
}

// TestSignIn: what homewardctl says last is why a sign-in did not go well, and one that is
// called back ends without a word.
func TestSignIn(t *testing.T) {
	ctx := t.Context()
	if err := signIn(ctx, fakeCtl(t, `[ "$1 $2" = "portal sign-in" ] || exit 7; echo "Sign in at http://portal; the browser may leave until 12:10." >&2`)); err != nil {
		t.Errorf("one that went well: %v", err)
	}
	err := signIn(ctx, fakeCtl(t, `echo "Sign in." >&2; echo "homewardctl: no browser was found; name one" >&2; exit 1`))
	if err == nil || err.Error() != "no browser was found; name one" {
		t.Errorf("one that failed: %v", err)
	}
	if err := signIn(ctx, fakeCtl(t, "exit 3")); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("one that says nothing: %v", err)
	}
	called, back := context.WithTimeout(ctx, 200*time.Millisecond)
	defer back()
	begun := time.Now()
	if err := signIn(called, fakeCtl(t, "trap 'exit 1' INT; while :; do sleep 0.05; done")); err != nil || time.Since(begun) > lastPatience {
		t.Errorf("called back: %v after %v", err, time.Since(begun))
	}
}

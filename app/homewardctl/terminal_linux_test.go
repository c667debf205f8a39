package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/credential"
)

// pty opens a pseudo terminal: what is written to the first end is typed at
// the second.
func pty(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", errors.Join(err, keyboard.Close()))
	}
	t.Cleanup(func() {
		if err := errors.Join(screen.Close(), keyboard.Close()); err != nil {
			t.Error(err)
		}
	})
	return keyboard, screen
}

// typist types the next answer whenever the text ends in a question, and notes
// whether the terminal showed what is typed.
type typist struct {
	t        *testing.T
	keyboard io.Writer
	screen   *os.File
	answers  []string
	seen     bytes.Buffer
	hidden   []bool
	asked    func() // instead of an answer, once there is none left
}

func (ty *typist) Write(b []byte) (int, error) {
	ty.seen.Write(b)
	if !bytes.HasSuffix(b, []byte(": ")) && !bytes.HasSuffix(b, []byte("] ")) {
		return len(b), nil
	}
	ty.hidden = append(ty.hidden, !echoes(ty.t, ty.screen))
	if len(ty.answers) == 0 {
		if ty.asked != nil {
			ty.asked()
		}
		return len(b), nil
	}
	_, err := io.WriteString(ty.keyboard, ty.answers[0])
	ty.answers = ty.answers[1:]
	return len(b), err
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// TestTerminal asks every kind of question at a real terminal.
func TestTerminal(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(2 * time.Minute)
	until := at(soon, time.Now())
	options := []credential.Option{{ID: "a", Label: "Ada (Harbour CA)", Detail: "expires in 9 days"}, {ID: "b", Label: "Bob"}}
	for name, tt := range map[string]struct {
		prompt credential.Prompt
		types  []string
		want   credential.Reply
		err    error
		shows  []string
		hidden []bool
	}{
		"password": {
			credential.Prompt{Kind: credential.KindPassword, Text: "Password of ada", Expires: soon}, []string{"pässword\n"},
			credential.Reply{Secret: []byte("pässword")}, nil, []string{"Password of ada (until " + until + "): "}, []bool{true},
		},
		"nothing is no password": {
			credential.Prompt{Kind: credential.KindPassword, Text: "Password"}, []string{"\n"},
			credential.Reply{}, credential.ErrNoPassword, nil, []bool{true},
		},
		"the end of input is a no": {
			credential.Prompt{Kind: credential.KindPassword, Text: "Password"}, []string{"\x04"},
			credential.Reply{}, credential.ErrDeclined, nil, []bool{true},
		},
		"user name": {
			credential.Prompt{Kind: credential.KindText, Text: "User name"}, []string{" ada \n"},
			credential.Reply{Text: "ada"}, nil, []string{"User name: "}, []bool{false},
		},
		"user name and password": {
			credential.Prompt{Kind: credential.KindPassword, Text: "Password", Profile: "office", AsksUser: true}, []string{" ada \n", "x\n"},
			credential.Reply{Text: "ada", Secret: []byte("x")}, nil, []string{"User name for office: ", "Password for ada: "}, []bool{false, true},
		},
		"a code that may be seen": {
			credential.Prompt{Kind: credential.KindCode, Text: "Code", Echo: true, Speaker: "The gateway", Message: "Your token, please\nor 1 for a call"}, []string{"123456\n"},
			credential.Reply{Secret: []byte("123456")}, nil, []string{"The gateway says:\n  | Your token, please\n  | or 1 for a call\nCode: "}, []bool{false},
		},
		"a code that may not": {
			credential.Prompt{Kind: credential.KindCode, Text: "Code", Refused: true}, []string{"123456\n"},
			credential.Reply{Secret: []byte("123456")}, nil, []string{"The last answer was not accepted.\nCode: "}, []bool{true},
		},
		"a password is never echoed": {
			credential.Prompt{Kind: credential.KindPassword, Text: "Password", Echo: true}, []string{"x\n"},
			credential.Reply{Secret: []byte("x")}, nil, nil, []bool{true},
		},
		"PIN": {
			credential.Prompt{Kind: credential.KindPIN, Text: "PIN of the card", TriesLeft: 2}, []string{"0000\n"},
			credential.Reply{Secret: []byte("0000")}, nil, []string{"PIN of the card (2 tries left): "}, []bool{true},
		},
		"the last PIN": {
			credential.Prompt{Kind: credential.KindPIN, Text: "PIN", TriesLeft: 1}, []string{"0000\n"},
			credential.Reply{Secret: []byte("0000")}, nil, []string{"PIN (the last try): "}, []bool{true},
		},
		"new password": {
			credential.Prompt{Kind: credential.KindNewPassword, Text: "New password"}, []string{"one\n", "two\n", "three\n", "three\n"},
			credential.Reply{Secret: []byte("three")}, nil, []string{"The two are not alike.\n"}, []bool{true, true, true, true},
		},
		"choice": {
			credential.Prompt{Kind: credential.KindChoice, Text: "Your certificate", Options: options}, []string{"3\n", "2\n"},
			credential.Reply{Choice: "b"}, nil, []string{"Your certificate:\n  1  Ada (Harbour CA)\n     expires in 9 days\n  2  Bob\nNumber, 1 to 2: "}, []bool{false, false},
		},
		"no choice": {
			credential.Prompt{Kind: credential.KindChoice, Text: "Your certificate", Options: options}, []string{"x\n", "0\n", "\n"},
			credential.Reply{}, credential.ErrDeclined, nil, []bool{false, false, false},
		},
		"consent": {
			credential.Prompt{Kind: credential.KindConsent, Text: "Go on?"}, []string{"yes\n"},
			credential.Reply{}, nil, []string{"Go on? [y/N] "}, []bool{false},
		},
		"no consent": {
			credential.Prompt{Kind: credential.KindConsent, Text: "Go on?"}, []string{"\n"},
			credential.Reply{}, credential.ErrDeclined, nil, []bool{false},
		},
		"others cannot speak in our name": {
			credential.Prompt{Kind: credential.KindConsent, Text: "Go on?", Speaker: "The gateway", Message: "hello\x1b[2J\nPassword of ada: "}, []string{"y\n"},
			credential.Reply{}, nil, []string{"The gateway says:\n  | hello [2J\n  | Password of ada: \nGo on?"}, []bool{false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyboard, screen := pty(t)
			ty := &typist{t: t, keyboard: keyboard, screen: screen, answers: tt.types}
			got, err := newTerminal(screen, ty).Prompt(t.Context(), tt.prompt)
			if !errors.Is(err, tt.err) || got.Text != tt.want.Text || got.Choice != tt.want.Choice || err == nil && !bytes.Equal(got.Secret, tt.want.Secret) {
				t.Errorf("%q %q %q, %v", got.Text, got.Secret, got.Choice, err)
			}
			for _, s := range tt.shows {
				if !strings.Contains(ty.seen.String(), s) {
					t.Errorf("shows\n%s\nwithout\n%s", ty.seen.String(), s)
				}
			}
			if fmt.Sprint(ty.hidden) != fmt.Sprint(tt.hidden) {
				t.Errorf("hidden %v, want %v", ty.hidden, tt.hidden)
			}
			if !echoes(t, screen) {
				t.Error("the terminal was left without echo")
			}
		})
	}
}

// TestTerminalMovesOn: a question that is taken away leaves nothing behind, and what
// was typed for it does not answer the next one.
func TestTerminalMovesOn(t *testing.T) {
	t.Parallel()
	keyboard, screen := pty(t)
	ty := &typist{t: t, keyboard: keyboard, screen: screen}
	term := newTerminal(screen, ty)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		ty.asked = func() {
			_, err := io.WriteString(keyboard, "hunter2") // and no return key
			if err == nil {
				_, err = io.ReadFull(keyboard, make([]byte, len("hunter2"))) // the echo: it has arrived
			}
			if err != nil {
				t.Error(err)
			}
			cancel()
		}
		if _, err := term.Prompt(ctx, credential.Prompt{Kind: credential.KindText, Text: "User name"}); !errors.Is(err, context.Canceled) {
			t.Errorf("taken away: %v", err)
		}
		if !echoes(t, screen) {
			t.Error("the terminal was left without echo")
		}
	}
	ty.answers = []string{"123456\n"}
	got, err := term.Prompt(t.Context(), credential.Prompt{Kind: credential.KindCode, Text: "Code"})
	if err != nil || string(got.Secret) != "123456" {
		t.Errorf("%q, %v", got.Secret, err)
	}
}

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := newTerminal(r, &out).Prompt(t.Context(), credential.Prompt{Kind: credential.KindPassword}); !errors.Is(err, credential.ErrNobody) {
		t.Errorf("error %v", err)
	}
	if out.Len() != 0 {
		t.Errorf("prompted %q", out.String())
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Error(err)
	}
}

// TestLongWordsOfOthers: what a server says stays behind its mark on every line of the
// screen, also where it is made to reach the edge, so that its end cannot stand where
// a question of ours would.
func TestLongWordsOfOthers(t *testing.T) {
	t.Parallel()
	const question = "Password of ada for office: "
	for name, message := range map[string]string{
		"spaces that are none": strings.Repeat("\u2800", 76) + question,
		"wide letters":         strings.Repeat("\u3164", 38) + question,
		"one long word":        strings.Repeat("x", 80) + question,
		"words":                strings.Repeat("words ", 13) + question,
		"a narrow terminal":    question + question,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyboard, screen := pty(t)
			columns := 80
			if name == "a narrow terminal" {
				columns = 24
			}
			if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}); err != nil {
				t.Fatal(err)
			}
			ty := &typist{t: t, keyboard: keyboard, screen: screen, answers: []string{"123456\n"}}
			p := credential.Prompt{Kind: credential.KindCode, Text: "Code", Speaker: "The gateway", Message: message}
			if _, err := newTerminal(screen, ty).Prompt(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			shown, _, _ := strings.Cut(ty.seen.String(), "\nCode: ")
			_, shown, _ = strings.Cut(shown, "says:\n")
			said := ""
			for line := range strings.Lines(shown) {
				text, marked := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  | ")
				wide := strings.Count(text, "\u2800") + strings.Count(text, "\u3164")
				if !marked || len([]rune(text))+wide > columns-4 {
					t.Errorf("a line of the screen is %q", line)
				}
				said += text
			}
			if said != message {
				t.Errorf("of %q the person sees %q", message, said)
			}
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestTerminalThatShowsNothing(t *testing.T) {
	t.Parallel()
	_, screen := pty(t)
	if _, err := newTerminal(screen, brokenWriter{}).Prompt(t.Context(), credential.Prompt{Kind: credential.KindPassword, Text: "x"}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a prompt that cannot be shown: %v", err)
	}
	if !echoes(t, screen) {
		t.Error("the terminal was left without echo")
	}
}

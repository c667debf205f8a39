package main

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/homeward-vpn/homeward/client/credential"
)

// A question at a terminal:
//
//	what others say, marked as theirs -> what is asked, and until when
//	  -> a line, hidden where it is secret -> is it an answer? else once more
//
// A question that is taken away, because another window was quicker or nobody
// answered in time, leaves the terminal as it was: the echo is on again, and what was
// typed so far is thrown away, so that it is not taken for the answer to the next.

// tries is how often a person is asked for what can be wrong in itself: two
// passwords that differ, a number that is not in the list.
const tries = 3

// terminal asks the person at it. It implements credential.Prompter.
type terminal struct {
	in  *os.File
	out io.Writer

	asking sync.Mutex // one question at a time
	lines  lineReader
}

func newTerminal(in *os.File, out io.Writer) *terminal {
	return &terminal{in: in, out: out, lines: lineReader{in: in, lines: make(chan line, 1)}}
}

// Prompt implements credential.Prompter.
func (t *terminal) Prompt(ctx context.Context, p credential.Prompt) (credential.Reply, error) {
	t.asking.Lock()
	defer t.asking.Unlock()
	if !term.IsTerminal(int(t.in.Fd())) {
		return credential.Reply{}, credential.ErrNoTerminal
	}
	if err := t.print(introduction(p, t.width())); err != nil {
		return credential.Reply{}, err
	}
	text := plain(p.Text) + restrictions(p, time.Now())
	switch p.Kind {
	case credential.KindText:
		line, err := t.line(ctx, text+": ", true)
		return credential.Reply{Text: strings.TrimSpace(string(line))}, err
	case credential.KindConsent:
		return credential.Reply{}, t.consent(ctx, text)
	case credential.KindChoice:
		return t.choice(ctx, text, p.Options)
	case credential.KindNewPassword, credential.KindNewPassphrase:
		return t.twice(ctx, text)
	default:
		var user []byte
		if p.AsksUser {
			var err error
			if user, err = t.line(ctx, "User name for "+plain(p.Profile)+": ", true); err != nil {
				return credential.Reply{}, err
			}
			user = bytes.TrimSpace(user)
			text = "Password for " + plain(string(user)) + restrictions(p, time.Now())
		}
		secret, err := t.line(ctx, text+": ", p.Kind == credential.KindCode && p.Echo)
		if err == nil {
			err = credential.CheckPassword(secret)
		}
		return credential.Reply{Text: string(user), Secret: secret}, err
	}
}

// width is how many columns a line has.
func (t *terminal) width() int {
	const usual = 80
	if w, _, err := term.GetSize(int(t.in.Fd())); err == nil && w > 0 {
		return w
	}
	return usual
}

// introduction is what stands above a question. The words of others are set apart
// on lines of their own, each marked: where the terminal broke a long one, its rest
// could pass for the question.
func introduction(p credential.Prompt, width int) string {
	var b strings.Builder
	if p.Refused {
		b.WriteString("The last answer was not accepted.\n")
	}
	if p.Message != "" {
		fmt.Fprintf(&b, "%s says:\n", plain(p.Speaker))
		for line := range strings.Lines(p.Message) {
			for _, part := range broken(plain(strings.TrimSuffix(line, "\n")), width-len(theirs)) {
				fmt.Fprintf(&b, "%s%s\n", theirs, part)
			}
		}
	}
	return b.String()
}

// theirs marks a line that somebody else has written.
const theirs = "  | "

// broken breaks a line into parts that fit, behind a space where there is one. What
// may be two columns wide counts as two.
func broken(line string, width int) (parts []string) {
	const least = 8
	width = max(width, least)
	start, space, columns := 0, 0, 0
	for i, r := range line {
		wide := 1
		if r >= 0x1100 { // Hangul Jamo are the first that are
			wide = 2
		}
		if columns += wide; columns > width {
			if space <= start {
				space = i
			}
			parts = append(parts, line[start:space])
			start, columns = space, wide
			for _, r := range line[start:i] {
				if columns++; r >= 0x1100 {
					columns++
				}
			}
		}
		if r == ' ' {
			space = i + 1
		}
	}
	return append(parts, line[start:])
}

// restrictions says until when, and how often, a question can be answered.
func restrictions(p credential.Prompt, now time.Time) string {
	var words []string
	switch {
	case p.Kind != credential.KindPIN || p.TriesLeft == 0:
	case p.TriesLeft == 1:
		words = append(words, "the last try")
	default:
		words = append(words, strconv.Itoa(p.TriesLeft)+" tries left")
	}
	if !p.Expires.IsZero() {
		words = append(words, "until "+at(p.Expires, now))
	}
	if words == nil {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// consent is nil for a yes.
func (t *terminal) consent(ctx context.Context, text string) error {
	answer, err := t.line(ctx, text+" [y/N] ", true)
	if err != nil {
		return err
	}
	if s := strings.TrimSpace(string(answer)); !strings.EqualFold(s, "y") && !strings.EqualFold(s, "yes") {
		return credential.ErrDeclined
	}
	return nil
}

// choice lists what there is and takes a number.
func (t *terminal) choice(ctx context.Context, text string, options []credential.Option) (credential.Reply, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n", text)
	for i, o := range options {
		fmt.Fprintf(&b, "  %d  %s\n", i+1, plain(o.Label))
		if o.Detail != "" {
			fmt.Fprintf(&b, "     %s\n", plain(o.Detail))
		}
	}
	if err := t.print(b.String()); err != nil {
		return credential.Reply{}, err
	}
	for range tries {
		answer, err := t.line(ctx, fmt.Sprintf("Number, 1 to %d: ", len(options)), true)
		if err != nil {
			return credential.Reply{}, err
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(answer))); err == nil && n >= 1 && n <= len(options) {
			return credential.Reply{Choice: options[n-1].ID}, nil
		}
	}
	return credential.Reply{}, credential.ErrDeclined
}

// twice asks for a secret that nobody could correct later, two times.
func (t *terminal) twice(ctx context.Context, text string) (credential.Reply, error) {
	for range tries {
		first, err := t.line(ctx, text+": ", false)
		if err == nil {
			err = credential.CheckPassword(first)
		}
		if err != nil {
			return credential.Reply{}, err
		}
		second, err := t.line(ctx, "The same once more: ", false)
		same := subtle.ConstantTimeCompare(first, second) == 1
		clear(second)
		if err == nil && same {
			return credential.Reply{Secret: first}, nil
		}
		clear(first)
		if err == nil {
			err = t.print("The two are not alike.\n")
		}
		if err != nil {
			return credential.Reply{}, err
		}
	}
	return credential.Reply{}, errors.New("the two were not alike three times")
}

func (t *terminal) print(s string) error {
	if _, err := io.WriteString(t.out, s); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// line asks for one line, which the caller clears where it is secret.
func (t *terminal) line(ctx context.Context, prompt string, echo bool) (answer []byte, err error) {
	if !echo {
		show, err := hideInput(t.in)
		if err != nil {
			return nil, fmt.Errorf("hide what is typed: %w", err)
		}
		defer func() {
			err := errors.Join(t.print("\n"), show()) // the person's own line ending was not echoed
			if err != nil {
				fmt.Fprintln(t.out, "The terminal could not be put back:", plain(err.Error()))
			}
		}()
	}
	t.lines.drop()
	if err := t.print(prompt); err != nil {
		return nil, err
	}
	answer, err = t.lines.next(ctx)
	if ctx.Err() != nil {
		clear(answer)
		return nil, errors.Join(ctx.Err(), dropInput(t.in))
	}
	if errors.Is(err, io.EOF) {
		return nil, credential.ErrDeclined
	}
	return answer, err
}

// lineReader reads lines on a goroutine of its own, since nothing can interrupt a
// read. One that nobody waits for any more goes on and serves whoever asks next; a
// line that came while nobody asked is dropped.
type lineReader struct {
	in io.Reader

	mu      sync.Mutex
	reading bool
	lines   chan line // one place
}

type line struct {
	text []byte
	err  error
}

// drop forgets a line that came while nobody asked.
func (r *lineReader) drop() {
	select {
	case old := <-r.lines:
		clear(old.text)
	default:
	}
}

// next gives the next line without its ending.
func (r *lineReader) next(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	if !r.reading {
		r.reading = true
		go func() {
			text, err := readLine(r.in)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reading = false
			r.lines <- line{text, err}
		}()
	}
	r.mu.Unlock()
	select {
	case l := <-r.lines:
		return l.text, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readLine reads a line, and no byte behind it.
func readLine(in io.Reader) ([]byte, error) {
	text := make([]byte, 0, credential.MaxPassword+2) // one allocation, so that no copy of a part stays behind
	var b [1]byte
	for {
		n, err := in.Read(b[:])
		if n == 1 {
			if b[0] == '\n' {
				return bytes.TrimSuffix(text, []byte("\r")), nil
			}
			if len(text) == cap(text) {
				clear(text)
				return nil, credential.ErrPasswordLong
			}
			text = append(text, b[0])
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(text) > 0 {
				return text, nil
			}
			clear(text)
			return nil, err
		}
	}
}

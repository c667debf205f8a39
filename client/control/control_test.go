package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

func TestCallsReachTheBackend(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	ctx := t.Context()

	if st, err := c.Status(ctx); err != nil || st.State != StateDisconnected || st.Revision != 1 {
		t.Errorf("status %+v, %v", st, err)
	}
	if info, err := c.Info(ctx); err != nil || info.API != API || info.Version == "" {
		t.Errorf("info %+v, %v", info, err)
	}
	if a, err := c.Connect(ctx, ConnectRequest{Profile: "office", Username: "ada"}); err != nil || a.Revision != 1 {
		t.Errorf("connect %+v, %v", a, err)
	}
	if a, err := c.Disconnect(ctx); err != nil || a.Revision != 7 {
		t.Errorf("disconnect %+v, %v", a, err)
	}
	if err := c.Answer(ctx, Answer{Prompt: 3, Secret: Secret("pa\x00ss\xff")}); err != nil {
		t.Errorf("answer: %v", err)
	}
	if p, err := c.Profile(ctx, "a/b ?&é"); err != nil || p.Name != "a/b ?&é" {
		t.Errorf("profile %+v, %v", p, err)
	}
	if list, err := c.Profiles(ctx); err != nil || list == nil || len(list) != 0 {
		t.Errorf("profiles %v, %v", list, err)
	}
	var refusal *Refusal
	if err := c.DeleteProfile(ctx, "gone"); !errors.As(err, &refusal) || refusal.Code != CodeNotFound || refusal.Message != "there is no profile named gone" {
		t.Errorf("delete: %v", err)
	}

	if len(b.connects) != 1 || b.connects[0] != (ConnectRequest{Profile: "office", Username: "ada"}) {
		t.Errorf("connects %+v", b.connects)
	}
	if len(b.answers) != 1 || string(b.answers[0].Secret) != "pa\x00ss\xff" || b.answers[0].Prompt != 3 {
		t.Errorf("answers: %d", len(b.answers))
	}
	for _, who := range b.callers {
		if who.UID != uint32(os.Getuid()) || who.Admin != (os.Getuid() == 0) || who.PID != int32(os.Getpid()) {
			t.Errorf("the kernel vouches for %d, but the backend was told %+v", os.Getuid(), who)
		}
	}
}

func validProfile() *profile.Profile {
	p := &profile.Profile{Version: profile.Version, ID: profile.NewID(), Name: "office"}
	p.Origin.Format = "manual"
	p.Gateway = profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayCertificate}
	p.Client.Auth = profile.ClientMSCHAPv2
	p.Traffic.Full = true
	return p
}

func TestProfileTravelsWhole(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	want := validProfile()
	for i := range 1024 { // larger than any other request may be
		a := netip.MustParseAddr("2001:db8:aaaa:bbbb:cccc:dddd:1000:0").As16()
		a[14], a[15] = byte(i>>8), byte(i)
		p := netip.PrefixFrom(netip.AddrFrom16(a), 128)
		want.Traffic.Exclude = append(want.Traffic.Exclude, p)
		want.Traffic.AllowPushed = append(want.Traffic.AllowPushed, p)
	}
	if err := c.AddProfile(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, wanted := new(bytes.Buffer), new(bytes.Buffer)
	if err := errors.Join(json.NewEncoder(got).Encode(b.added[0]), json.NewEncoder(wanted).Encode(want)); err != nil {
		t.Fatal(err)
	}
	if got.String() != wanted.String() {
		t.Errorf("stored %s, sent %s", got, wanted)
	}
	if wanted.Len() <= maxRequest {
		t.Errorf("the profile has %d bytes only, no more than any request", wanted.Len())
	}

	bad := validProfile()
	bad.Gateway.Address = ""
	var refusal *Refusal
	if err := c.AddProfile(t.Context(), bad); !errors.As(err, &refusal) || refusal.Code != CodeBadRequest {
		t.Errorf("a profile without a gateway: %v", err)
	}
	if len(b.added) != 1 {
		t.Error("a bad profile reached the backend")
	}
}

func TestDefectsStayInTheLog(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	b.err = errors.New("open /secret/place: no")
	c := serve(t, b)
	_, err := c.Connect(t.Context(), ConnectRequest{Profile: "office"})
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != CodeInternal || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestCallersWhoWriteSlowlySeeTheAnswer(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	conn, err := localsock.Dial(t.Context(), c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	// The call takes no body, and this one comes late.
	if _, err := io.WriteString(conn, "POST /v1/disconnect HTTP/1.1\r\nHost: h\r\nHomeward-API: 1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for called := false; !called; runtime.Gosched() { // the call is being answered
		b.mu.Lock()
		called = len(b.callers) > 0
		b.mu.Unlock()
	}
	if _, err := io.WriteString(conn, "{}"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", resp, err)
	}
}

// raw sends bytes as they are and gives the answer.
func raw(t *testing.T, path, method, call, body string, header http.Header) *http.Response {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return localsock.Dial(ctx, path)
	}}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://homeward"+call, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
	return resp
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	good := http.Header{}
	declare(good)
	tests := []struct {
		name, method, call, body string
		header                   http.Header
		want                     Code
	}{
		{"no JSON", "POST", "/v1/connect", "connect office", good, CodeBadRequest},
		{"cut off", "POST", "/v1/connect", `{"profile":"off`, good, CodeBadRequest},
		{"two values", "POST", "/v1/connect", `{"profile":"a"} {"profile":"b"}`, good, CodeBadRequest},
		{"an unknown field", "POST", "/v1/connect", `{"profile":"a","shell":"sh"}`, good, CodeBadRequest},
		{"a field of another type", "POST", "/v1/connect", `{"profile":7}`, good, CodeBadRequest},
		{"nothing", "POST", "/v1/connect", ``, good, CodeBadRequest},
		{"no name", "POST", "/v1/connect", `{}`, good, CodeBadRequest},
		{"an endless name", "POST", "/v1/connect", `{"profile":"` + strings.Repeat("a", 2000) + `"}`, good, CodeBadRequest},
		{"too large", "POST", "/v1/connect", `{"profile":"` + strings.Repeat("a", maxRequest) + `"}`, good, CodeTooLarge},
		{"deep nesting", "POST", "/v1/connect", strings.Repeat("[", 20000), good, CodeBadRequest},
		{"an answer to nothing", "POST", "/v1/answer", `{"secret":"aaaa"}`, good, CodeBadRequest},
		{"an answer without a secret", "POST", "/v1/answer", `{"prompt":1}`, good, CodeBadRequest},
		{"an answer of both kinds", "POST", "/v1/answer", `{"prompt":1,"secret":"aaaa","declined":true}`, good, CodeBadRequest},
		{"a kill switch of no kind", "PUT", "/v1/settings", `{"kill_switch":"lock"}`, good, CodeBadRequest},
		{"a local network of no kind", "PUT", "/v1/settings", `{"local_network":"yes"}`, good, CodeBadRequest},
		{"an unknown call", "GET", "/v1/shell", ``, good, CodeNotFound},
		{"a wrong method", "DELETE", "/v1/status", ``, good, CodeNotFound},
		{"an older program", "GET", "/v1/status", ``, http.Header{headerAPI: {"0"}}, CodeVersion},
		{"no version at all", "GET", "/v1/status", ``, http.Header{}, CodeVersion},
		{"a profile too large", "POST", "/v1/profile", strings.Repeat(" ", maxProfile+1), good, CodeTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := raw(t, c.path, tt.method, tt.call, tt.body, tt.header)
			var refusal Refusal
			if err := json.NewDecoder(resp.Body).Decode(&refusal); err != nil {
				t.Fatal(err)
			}
			if refusal.Code != tt.want || resp.StatusCode != httpStatus[tt.want] || refusal.Message == "" {
				t.Errorf("%s: %+v, want %s", resp.Status, refusal, tt.want)
			}
		})
	}
	if len(b.connects)+len(b.answers)+len(b.added) != 0 {
		t.Error("a bad request reached the backend")
	}
}

func TestVersionsThatDoNotFit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := localsock.Listen(path, localsock.DefaultMode)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]http.Header{
		"/v1/status":   {headerAPI: {"99"}, headerVersion: {"v9.9.9"}},
		"/v1/profiles": {},
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range answers[r.URL.Path] {
			w.Header()[http.CanonicalHeaderKey(k)] = v
		}
		fmt.Fprint(w, `{"state":"connected"}`)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	defer func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	c := NewClient(path)
	var wrong *VersionError
	if _, err := c.Status(t.Context()); !errors.As(err, &wrong) || wrong.Service != "v9.9.9" || !strings.Contains(err.Error(), "v9.9.9") {
		t.Errorf("a newer service: %v", err)
	}
	if _, err := c.Profiles(t.Context()); !errors.As(err, &wrong) || wrong.Service != "" {
		t.Errorf("no service at all: %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var notRunning *NotRunningError
	if _, err := NewClient(filepath.Join(dir, "none")).Status(t.Context()); !errors.As(err, &notRunning) {
		t.Errorf("no socket: %v", err)
	}
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(stale).Status(t.Context()); !errors.As(err, &notRunning) {
		t.Errorf("a stale socket: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignSocketError
	if _, err := NewClient(file).Status(t.Context()); !errors.As(err, &foreign) {
		t.Errorf("no socket but a file: %v", err)
	}
}

func TestForeignSocketGetsNothing(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can make a socket that belongs to somebody else")
	}
	// Root trusts root's own sockets and nobody else's.
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignSocketError
	err = NewClient(path).Answer(t.Context(), Answer{Prompt: 1, Secret: Secret("x")})
	if !errors.As(err, &foreign) || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("%v", err)
	}
}

func TestUnknownCallersAreTurnedAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := localsock.Listen(path, localsock.DefaultMode)
	if err != nil {
		t.Fatal(err)
	}
	c := serveOn(t, newFakeBackend(), path, l, func(net.Conn) (Caller, error) { return Caller{}, errors.New("who") })
	var lost *LostError
	if _, err := c.Status(t.Context()); !errors.As(err, &lost) {
		t.Errorf("a caller whom nobody vouches for got %v", err)
	}
}

func TestNobodyKeepsTheOthersOut(t *testing.T) {
	t.Parallel()
	d := newDoorman(nil, nil, slog.New(slog.DiscardHandler))
	greedy, other, admin := Caller{UID: 1000}, Caller{UID: 1001}, Caller{UID: 0, Admin: true}
	for range maxPerUser {
		if !d.enter(greedy) {
			t.Fatal("turned away below the limit")
		}
	}
	if d.enter(greedy) {
		t.Error("no limit")
	}
	if !d.enter(other) || !d.enter(admin) {
		t.Error("one user keeps the others out")
	}
	d.leave(greedy)
	if !d.enter(greedy) {
		t.Error("a place that was left stays taken")
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := Answer{Prompt: 1, Secret: Secret("hunter2")}
	slog.New(slog.NewTextHandler(&out, nil)).Info("answer", "secret", a.Secret, "answer", a)
	fmt.Fprintf(&out, "%v %+v %#v %s", a, a, a, a.Secret)
	if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "redacted") {
		t.Error(out.String())
	}
}

func TestBodyIsWiped(t *testing.T) {
	t.Parallel()
	b := &wiped{data: []byte("hunter2")}
	if n, err := b.Read(make([]byte, 3)); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.data, make([]byte, 7)) {
		t.Errorf("%q is left", b.data)
	}
	if n, err := b.Read(make([]byte, 3)); n != 0 || err == nil {
		t.Errorf("read %d after the end, %v", n, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"profile":"office","username":"ada"}`))
	f.Add([]byte(`{"prompt":3,"secret":"cGFzcw=="}`))
	f.Add([]byte(`{"prompt":3,"declined":true}`))
	f.Add([]byte(`{"prompt":18446744073709551616}`))
	f.Add([]byte(`{"profile":"a"}{"profile":"b"}`))
	f.Add([]byte("[[[[[[[["))
	if p, err := json.Marshal(validProfile()); err == nil {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c ConnectRequest
		if err := decode(bytes.NewReader(data), &c); err == nil && c.validate() == nil {
			if c.Profile == "" || len(c.Profile) > profile.MaxName {
				t.Errorf("passed %+v", c)
			}
		}
		var a Answer
		if err := decode(bytes.NewReader(data), &a); err == nil && a.validate() == nil {
			if a.Prompt == 0 || a.Declined == (len(a.Secret) > 0) {
				t.Error("passed an answer that is none")
			}
		}
		if p, err := decodeProfile(bytes.NewReader(data)); err == nil {
			if err := p.Validate(); err != nil {
				t.Errorf("passed a profile that is not valid: %v", err)
			}
		}
	})
}

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// SocketVariable names the environment variable that holds another socket path.
const SocketVariable = "HOMEWARD_SOCKET"

// SocketPath is where the service answers: the variable's path where it is
// set, else the system's usual one.
func SocketPath() string {
	if p := os.Getenv(SocketVariable); p != "" {
		return p
	}
	return localsock.DefaultPath
}

// NotRunningError says that nobody answers on the socket.
type NotRunningError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *NotRunningError) Error() string {
	return fmt.Sprintf("the Homeward service is not running (nobody answers at %s); start it with «sudo systemctl start homewardd» or «sudo homewardd run»", e.Path)
}

// Unwrap gives the underlying error.
func (e *NotRunningError) Unwrap() error { return e.Err }

// ForeignSocketError says that somebody else made the socket: nothing was sent
// to it.
type ForeignSocketError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *ForeignSocketError) Error() string {
	return fmt.Sprintf("the socket %s belongs to another user, so it is not the Homeward service and nothing was sent to it; check HOMEWARD_SOCKET", e.Path)
}

// Unwrap gives the underlying error.
func (e *ForeignSocketError) Unwrap() error { return e.Err }

// LostError says that the service stopped answering in the middle of a call.
type LostError struct{ Err error }

// Error implements error.
func (e *LostError) Error() string {
	return "the Homeward service stopped answering; look whether it still runs with «homewardctl status»"
}

// Unwrap gives the underlying error.
func (e *LostError) Unwrap() error { return e.Err }

// Client calls the service. It is safe for concurrent use. Errors are
// *Refusal, *VersionError, *NotRunningError, *ForeignSocketError, *LostError or
// the context's.
type Client struct {
	path string
	http *http.Client
}

// maxLine bounds one line of a stream and one answer, in bytes: a status with
// every route and domain that a gateway can push stays far below.
const maxLine = 8 << 20

// answerTime is how long the service may take to begin an answer. No call waits
// for the network or a person, so a service that takes longer hangs.
const answerTime = 15 * time.Second

// NewClient makes a client for the service at path. It does not connect yet.
func NewClient(path string) *Client {
	return newClient(path, func(ctx context.Context, _, _ string) (net.Conn, error) { return localsock.Dial(ctx, path) })
}

func newClient(path string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	return &Client{path: path, http: &http.Client{
		// A connection per call: a kept one would break when the service is
		// started again, and a local one costs nothing.
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		// The service redirects nobody; whatever does is not the service.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Info asks who answers.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var v Info
	return v, c.call(ctx, http.MethodGet, "version", nil, &v)
}

// Status asks what is, now.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var v Status
	return v, c.call(ctx, http.MethodGet, "status", nil, &v)
}

// Connect asks for a line and returns when the wish is taken, not when the
// line stands.
func (c *Client) Connect(ctx context.Context, r ConnectRequest) (Accepted, error) {
	var v Accepted
	return v, c.call(ctx, http.MethodPost, "connect", r, &v)
}

// Disconnect asks for the line to be taken down.
func (c *Client) Disconnect(ctx context.Context) (Accepted, error) {
	var v Accepted
	return v, c.call(ctx, http.MethodPost, "disconnect", nil, &v)
}

// Renew asks for a new sign-in of the line that stands, and returns when the wish is
// taken. The line carries on meanwhile, and whatever comes of it.
func (c *Client) Renew(ctx context.Context) (Accepted, error) {
	var v Accepted
	return v, c.call(ctx, http.MethodPost, "renew", nil, &v)
}

// Answer answers a prompt. The secret stays the caller's, who clears it.
func (c *Client) Answer(ctx context.Context, a Answer) error {
	return c.call(ctx, http.MethodPost, "answer", a, nil)
}

// Profiles lists what the caller may see.
func (c *Client) Profiles(ctx context.Context) ([]ProfileInfo, error) {
	var v []ProfileInfo
	return v, c.call(ctx, http.MethodGet, "profiles", nil, &v)
}

// Profile gives one profile, by name or ID.
func (c *Client) Profile(ctx context.Context, name string) (*profile.Profile, error) {
	v := new(profile.Profile)
	if err := c.call(ctx, http.MethodGet, "profile?name="+url.QueryEscape(name), nil, v); err != nil {
		return nil, err
	}
	return v, nil
}

// AddProfile stores a profile, in place of the one with the same ID.
func (c *Client) AddProfile(ctx context.Context, p *profile.Profile) error {
	return c.call(ctx, http.MethodPost, "profile", p, nil)
}

// DeleteProfile forgets a profile, by name or ID.
func (c *Client) DeleteProfile(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "profile?name="+url.QueryEscape(name), nil, nil)
}

// Watch calls each with the status now and after every change, until each
// returns an error, which Watch returns, or ctx ends.
func (c *Client) Watch(ctx context.Context, each func(Status) error) error {
	return stream(ctx, c, http.MethodGet, "watch", each)
}

// Attend is Watch by a program that answers the prompts of its user: while it lasts,
// the service may connect by itself for this user.
func (c *Client) Attend(ctx context.Context, each func(Status) error) error {
	return stream(ctx, c, http.MethodGet, "watch?answers=1", each)
}

// Logs calls each with the entries of the log, oldest first; with follow it
// goes on with new ones until each returns an error or ctx ends.
func (c *Client) Logs(ctx context.Context, follow bool, each func(LogEntry) error) error {
	call := "logs"
	if follow {
		call = "logs?follow=1"
	}
	err := stream(ctx, c, http.MethodGet, call, each)
	var lost *LostError
	if !follow && errors.As(err, &lost) && errors.Is(lost.Err, io.EOF) {
		return nil // the whole log was sent
	}
	return err
}

func stream[T any](ctx context.Context, c *Client, method, call string, each func(T) error) error {
	streaming, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(answerTime, cancel)
	body, err := c.send(streaming, method, call, nil)
	if !silent.Stop() && ctx.Err() == nil {
		err = &LostError{Err: errors.Join(errSilent, err)}
		if body != nil {
			err = errors.Join(err, body.Close())
		}
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return errors.Join(&LostError{Err: err}, body.Close())
		}
		if err := each(v); err != nil {
			return errors.Join(err, body.Close())
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.EOF
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), body.Close())
	}
	return errors.Join(&LostError{Err: err}, body.Close())
}

// errSilent says that an answer did not begin in time.
var errSilent = errors.New("no answer in time")

// call sends in, where it is not nil, and reads out, where it is not nil.
func (c *Client) call(ctx context.Context, method, call string, in, out any) error {
	calling, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err := c.exchange(calling, method, call, in, out)
	if calling.Err() != nil && ctx.Err() == nil && err != nil {
		return &LostError{Err: errors.Join(errSilent, err)}
	}
	return err
}

func (c *Client) exchange(ctx context.Context, method, call string, in, out any) error {
	body, err := c.send(ctx, method, call, in)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(body, maxLine))
	if err == nil && out != nil {
		err = json.Unmarshal(data, out)
	}
	if err = errors.Join(err, body.Close()); err != nil {
		return &LostError{Err: err}
	}
	return nil
}

// send makes a request and gives the body of a good answer.
func (c *Client) send(ctx context.Context, method, call string, in any) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://homeward/v1/"+call, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		// No GetBody: a wish is never sent twice behind the caller's back.
		req.Body, req.ContentLength = &wiped{data: data}, int64(len(data))
	}
	declare(req.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	if !understands(resp.Header) {
		return nil, errors.Join(&VersionError{Service: resp.Header.Get(headerVersion)}, resp.Body.Close())
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(readRefusal(resp), resp.Body.Close())
	}
	return resp.Body, nil
}

// wiped is a request's body that may hold a secret: its bytes are cleared when
// the transport, which reads them on a goroutine of its own, is done with them.
type wiped struct {
	mu   sync.Mutex
	data []byte
	read int
}

// Read implements io.Reader.
func (b *wiped) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read == len(b.data) {
		return 0, io.EOF
	}
	n := copy(p, b.data[b.read:])
	b.read += n
	return n, nil
}

// Close implements io.Closer.
func (b *wiped) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.data)
	b.read = len(b.data)
	return nil
}

func readRefusal(resp *http.Response) error {
	var r Refusal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRequest)).Decode(&r); err != nil || r.Message == "" {
		return &LostError{Err: fmt.Errorf("answer %q", resp.Status)}
	}
	if r.Code == CodeVersion {
		return &VersionError{Service: r.Version}
	}
	return &r
}

// failure names why no answer came.
func (c *Client) failure(ctx context.Context, err error) error {
	var foreign *localsock.ForeignSocketError
	var notSocket *localsock.NotSocketError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &foreign), errors.As(err, &notSocket):
		return &ForeignSocketError{Path: c.path, Err: err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &NotRunningError{Path: c.path, Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &NotRunningError{Path: c.path, Err: err}
	default:
		return &LostError{Err: err}
	}
}

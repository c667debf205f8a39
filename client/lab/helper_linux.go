package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Page is what a machine of the lab got from a web server.
type Page struct {
	Status  int
	Length  int64  // bytes of body
	SHA256  string // of the whole body, hex
	Body    string // its first 64 KiB
	Elapsed time.Duration
	Pause   time.Duration // the longest between two pieces of the body
}

// keepBody is how much of a page's body is kept.
const keepBody = 64 << 10

// Fetch gets a URL on this machine, by name through this machine's own
// resolver, as a browser there would.
func (n *Namespace) Fetch(ctx context.Context, url string) (Page, error) {
	var p Page
	return p, n.helper(ctx, &p, "fetch", url)
}

// Upload posts n bytes (those of /blob) to a URL and returns the answer.
func (n *Namespace) Upload(ctx context.Context, url string, length int64) (Page, error) {
	var p Page
	return p, n.helper(ctx, &p, "upload", url, strconv.FormatInt(length, 10))
}

// Lookup resolves a name on this machine, through its own resolver.
func (n *Namespace) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	return addrs, n.helper(ctx, &addrs, "lookup", name)
}

// helper runs the current program as a small client on this machine and
// decodes what it prints.
func (n *Namespace) helper(ctx context.Context, result any, args ...string) error {
	stage, err := stageCommand(stageHelper, args...)
	if err != nil {
		return err
	}
	cmd := n.Command(ctx, stage.Path, args...)
	cmd.Env = stage.Env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return &CommandError{Command: strings.Join(args, " "), Output: stderr.String(), Err: err}
	}
	if err := json.Unmarshal(stdout.Bytes(), result); err != nil {
		return fmt.Errorf("lab: reading a helper's answer: %w", err)
	}
	return nil
}

// runHelper is the helper stage.
func runHelper(args []string) error {
	if len(args) < 2 {
		return errors.New("lab: a helper wants to know what to do")
	}
	if args[0] == "stranger" {
		return runStranger(args[1])
	}
	var result any
	var err error
	switch args[0] {
	case "fetch":
		result, err = fetch(http.MethodGet, args[1], nil)
	case "upload":
		var length int64
		if length, err = strconv.ParseInt(args[2], 10, 64); err == nil {
			result, err = fetch(http.MethodPost, args[1], blob(length))
		}
	case "lookup":
		result, err = net.DefaultResolver.LookupNetIP(context.Background(), "ip", args[1])
	default:
		err = fmt.Errorf("lab: no helper is called %q", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// fetch makes one request without a proxy and hashes the answer.
func fetch(method, url string, body io.Reader) (page Page, err error) {
	start := time.Now()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return Page{}, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return Page{}, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	h := sha256.New()
	var head bytes.Buffer
	pieces := &watched{Reader: resp.Body, last: time.Now()}
	first, err := io.Copy(io.MultiWriter(h, &head), io.LimitReader(pieces, keepBody))
	if err != nil {
		return Page{}, err
	}
	rest, err := io.Copy(h, pieces)
	if err != nil {
		return Page{}, err
	}
	return Page{Status: resp.StatusCode, Length: first + rest, SHA256: hex.EncodeToString(h.Sum(nil)),
		Body: head.String(), Elapsed: time.Since(start), Pause: pieces.pause}, nil
}

// watched notes the longest pause between two pieces.
type watched struct {
	io.Reader
	last  time.Time
	pause time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	now := time.Now()
	w.pause, w.last = max(w.pause, now.Sub(w.last)), now
	return n, err
}

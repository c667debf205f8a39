package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// webServer is a web server of the lab:
//
//	GET  /          a page that greets, and says from where it sees the reader
//	GET  /seen      that address alone
//	GET  /blob?n=N  N bytes that are the same each time; BlobSHA256 is their hash;
//	                with &pace=P no more than P bytes in a second
//	POST /sink      answers with the length and the SHA-256 of what was sent
type webServer struct {
	server   *http.Server
	greeting string
}

// The first lines of the pages.
const (
	IntranetGreeting = "Welcome to the intranet of Example Corp."
	PublicGreeting   = "This is the public internet."
)

func newWebServer(greeting string) *webServer {
	w := &webServer{greeting: greeting}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.page)
	mux.HandleFunc("GET /seen", w.seen)
	mux.HandleFunc("GET /blob", w.blob)
	mux.HandleFunc("POST /sink", w.sink)
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}
	return w
}

// listen serves on each address, port 80, from the given machine.
func (w *webServer) listen(n *Namespace, addrs ...netip.Addr) error {
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a, 80)
		var l net.Listener
		err := n.Do(func() (err error) {
			l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(ap))
			return err
		})
		if err != nil {
			return fmt.Errorf("lab: starting a web server at %s: %w", ap, err)
		}
		go func() {
			// Only close ends it; anything else shows as a page that does not load.
			if err := w.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return
			}
		}()
	}
	return nil
}

func (w *webServer) close() error { return w.server.Close() }

func remoteAddress(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return ap.Addr().Unmap().String()
}

func (w *webServer) page(rw http.ResponseWriter, r *http.Request) {
	writeText(rw, fmt.Sprintf("%s\nYou come from %s.\n", w.greeting, remoteAddress(r)))
}

func (w *webServer) seen(rw http.ResponseWriter, r *http.Request) {
	writeText(rw, remoteAddress(r)+"\n")
}

func (w *webServer) blob(rw http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil || n < 0 {
		http.Error(rw, "n must be a number of bytes", http.StatusBadRequest)
		return
	}
	body := blob(n)
	if pace := r.URL.Query().Get("pace"); pace != "" {
		p, err := strconv.ParseInt(pace, 10, 64)
		if err != nil || p < 1 {
			http.Error(rw, "pace must be a number of bytes", http.StatusBadRequest)
			return
		}
		body = &paced{Reader: body, pace: p, since: time.Now()}
	}
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	// A reader that goes away ends this, and knows it.
	if _, err := io.Copy(flusher{rw, http.NewResponseController(rw)}, body); err != nil {
		return
	}
}

// paced gives no more than pace bytes in a second, in small pieces.
type paced struct {
	io.Reader
	pace, read int64
	since      time.Time
}

func (p *paced) Read(b []byte) (int, error) {
	due := p.since.Add(time.Duration(float64(p.read) / float64(p.pace) * float64(time.Second)))
	<-time.After(time.Until(due))
	n, err := p.Reader.Read(b[:min(len(b), int(max(1, p.pace/100)))])
	p.read += int64(n)
	return n, err
}

// flusher sends every piece at once.
type flusher struct {
	io.Writer
	*http.ResponseController
}

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	return n, errors.Join(err, f.Flush())
}

func (w *webServer) sink(rw http.ResponseWriter, r *http.Request) {
	h := sha256.New()
	n, err := io.Copy(h, r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	writeText(rw, fmt.Sprintf("%d %s\n", n, hex.EncodeToString(h.Sum(nil))))
}

func writeText(rw http.ResponseWriter, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := io.WriteString(rw, text); err != nil {
		return // the reader has gone away
	}
}

// blob is n pseudo-random bytes, the same for every call.
func blob(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{'h', 'o', 'm', 'e', 'w', 'a', 'r', 'd'}), n)
}

// BlobSHA256 is the hash, in hex, of what /blob?n=N sends.
func BlobSHA256(n int64) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, blob(n)); err != nil {
		return "", fmt.Errorf("lab: hashing a blob: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

package control

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// page is a ResponseWriter with the deadlines of a real connection.
type page struct{ *httptest.ResponseRecorder }

func (page) SetWriteDeadline(time.Time) error { return nil }
func (page) SetReadDeadline(time.Time) error  { return nil }

// FuzzCalls sends any request to the whole server, and holds the answer to the
// API: a known status, JSON, and a sentence where the call was refused.
func FuzzCalls(f *testing.F) {
	for _, method := range []string{"GET", "POST", "DELETE", "PUT"} {
		for _, call := range []string{"version", "status", "connect", "disconnect", "answer", "profiles", "profile?name=office", "watch", "logs?follow=1", "..%2fstatus", ""} {
			f.Add(method, "/v1/"+call, "1", `{"profile":"office"}`)
		}
	}
	f.Add("POST", "/v1/answer", "1", `{"prompt":1,"secret":"c2VjcmV0"}`)
	f.Add("POST", "/v1/answer", "1", `{"prompt":1,"secret":"`)
	f.Add("POST", "/v1/connect", "2", "")
	f.Add("POST", "/v1/profile", "1", strings.Repeat("[", 10_000))
	f.Add("POST", "/v1/connect", "1", `{"profile":"`+strings.Repeat("a", maxRequest)+`"}`)
	f.Fuzz(func(t *testing.T, method, target, api, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		b := newFakeBackend()
		s := NewServer(b, slog.New(slog.DiscardHandler))
		defer s.end()
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), callerKey{}, Caller{UID: 1000}))
		cancel() // a watch ends at once
		r := (&http.Request{
			Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "homeward",
			Header: http.Header{headerAPI: {api}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}).WithContext(ctx)
		w := page{httptest.NewRecorder()}
		s.http.Handler.ServeHTTP(w, r)

		got := w.Result()
		if got.StatusCode/100 == 3 {
			return // the mux tells of a cleaner path
		}
		if got.Header.Get(headerAPI) != "1" {
			t.Errorf("%d: the answer does not say whose it is", got.StatusCode)
		}
		known := []int{http.StatusOK}
		for _, status := range httpStatus {
			known = append(known, status)
		}
		if !slices.Contains(known, got.StatusCode) {
			t.Errorf("%s %s: status %d", method, target, got.StatusCode)
		}
		if got.StatusCode != http.StatusOK {
			var refusal Refusal
			if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || refusal.Code == "" || refusal.Message == "" {
				t.Errorf("%s %s: %d %q", method, target, got.StatusCode, w.Body)
			}
		}
		for _, c := range b.connects {
			if c.validate() != nil || api != "1" {
				t.Errorf("the backend got %+v", c)
			}
		}
		for _, a := range b.answers {
			if a.validate() != nil || api != "1" {
				t.Error("the backend got an answer that is none")
			}
		}
	})
}

package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/platform/route"
)

// routes lets the service use platform/route.
type routes struct {
	*route.Router

	mu      sync.Mutex
	trouble string
}

// Set implements service.Router.
func (r *routes) Set(n tunnel.Network) error {
	err := r.Router.Set(route.Config{
		Interface: n.Interface, Addresses: n.Addresses, Mark: mark, Routes: n.Routes, Exclude: n.Exclude, Hosts: n.DNS, Keep: n.Keep, HeldBack: n.HeldBack, Full: n.Full,
	})
	var contested *route.ContestedError
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble = ""; errors.As(err, &contested) {
		r.trouble = fmt.Sprintf("Another program keeps removing %s, so the company may not be reached, and without the kill switch traffic may pass by the tunnel; stop that program, then connect again. Homeward tries once more at %s.",
			contested.What, contested.Until.Format("15:04"))
		return nil
	}
	return err
}

// Trouble implements service.WatchedRouter.
func (r *routes) Trouble() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble
}

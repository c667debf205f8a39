package dns

import "github.com/homeward-vpn/homeward/platform/ledger"

// held is what a backend has given to another program to keep: one entry at a
// time, in the ledger for as long as it may be there.
type held[E comparable] struct {
	env    Environment
	ledger *ledger.Ledger // nil: nothing is recorded
	kind   string         // the ledger's name for the entry
	undo   func(Environment, E) error

	entry  *E // nil: none
	record ledger.ID
}

// take records an entry that is about to be made. Another one that is held
// goes first.
func (h *held[E]) take(next E) error {
	if h.entry != nil {
		if *h.entry == next {
			return nil
		}
		if err := h.clear(); err != nil {
			return err
		}
	}
	if h.ledger != nil {
		var err error
		if h.record, err = h.ledger.Record(h.kind, next); err != nil {
			return err
		}
	}
	h.entry = &next
	return nil
}

// clear takes the entry back.
func (h *held[E]) clear() error {
	if h.entry == nil {
		return nil
	}
	if err := h.undo(h.env, *h.entry); err != nil {
		return err
	}
	if h.ledger != nil && h.record != 0 {
		if err := h.ledger.Forget(h.record); err != nil {
			return err
		}
	}
	h.entry, h.record = nil, 0
	return nil
}

package killswitch

import (
	"errors"

	"golang.org/x/sys/unix"
)

// nfTables is the kernel's packet filter, by netlink: no program is run. Its
// socket stays open: closing one after a change waits until the kernel has thrown
// away what was there before, which takes ten times as long as the change.
type nfTables struct {
	talk *socket // nil: there is none, or it was given up after an error
}

func newKernel() (kernel, error) {
	k := &nfTables{}
	err := k.talking(func(s *socket) error {
		return s.dump(nft(unix.NFT_MSG_GETTABLE), unix.NFPROTO_INET, nil, func([]byte) error { return nil })
	})
	if err != nil {
		return nil, explain(err)
	}
	return k, nil
}

// talking does something with the socket. After an error there may be answers
// that nobody has read, so that the next one begins anew.
func (k *nfTables) talking(do func(*socket) error) error {
	if k.talk == nil {
		s, err := dial()
		if err != nil {
			return err
		}
		k.talk = s
	}
	err := do(k.talk)
	if err != nil {
		err = errors.Join(err, k.close())
	}
	return err
}

func (k *nfTables) close() (err error) {
	if k.talk != nil {
		err, k.talk = k.talk.close(), nil
	}
	return err
}

// explain tells what a machine cannot do from what went wrong.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return &UnavailableError{Reason: "changing the firewall is not allowed to this process", Err: err}
	case errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP):
		return &UnavailableError{Reason: "this kernel has no nf_tables", Err: err}
	}
	return err
}

// replace sends the whole change as one batch, which the kernel takes as one or
// not at all.
func (k *nfTables) replace(t *table) (*standing, error) {
	m, err := encode(t)
	if err != nil {
		return nil, err
	}
	shape := m.shape()
	m.annotate(shape)
	b, err := m.pack()
	if err != nil {
		return nil, err
	}
	return shape, k.commit(b)
}

func (k *nfTables) remove() error {
	b := newBatch()
	b.nothing()
	return k.commit(b)
}

// commit makes one change of the kernel's tables.
func (k *nfTables) commit(b *packer) error {
	return explain(k.talking(func(s *socket) error { return s.commit(b) }))
}

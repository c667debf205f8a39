package killswitch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// What the kernel has, as lines: one list of each kind of thing, and one of each
// set's elements.

// insist is how long a table is read again and again that others change meanwhile.
const insist = 2 * time.Second

// read asks for every part. What a part holds that is not understood here is
// part of its line all the same.
//
// Between two lists the table may change, and the kernel only tells that any table
// did. Then it is read again, until nobody changed anything, or it is what it was
// just before.
func (k *nfTables) read() (got *standing, err error) {
	err = k.talking(func(s *socket) (err error) {
		var last *standing
		for end := time.Now().Add(insist); ; {
			var whole bool
			if got, whole, err = s.readTable(); whole || err == nil && got.same(last) {
				return err
			}
			if time.Now().After(end) {
				return errors.Join(err, errChanged)
			}
			last = got
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", explain(err))
	}
	return got, nil
}

// errChanged: others changed the firewall all the time.
var errChanged = errors.New("the firewall was changed while it was read")

// readTable reads it once; nil: there is none. whole says that nobody changed
// anything meanwhile.
func (s *socket) readTable() (got *standing, whole bool, err error) {
	s.torn = false
	before, err := s.generation()
	if err != nil {
		return nil, true, err
	}
	got, err = s.readParts()
	after, lost := s.generation()
	if lost != nil {
		return nil, true, lost
	}
	whole = before == after && !s.torn
	if whole && got != nil {
		got.generation = after
	}
	return got, whole, err
}

// generation is the number of the last change, by anybody.
func (s *socket) generation() (n uint32, err error) {
	err = s.ask(nft(unix.NFT_MSG_GETGEN), unix.NLM_F_ACK, unix.AF_UNSPEC, nil, func(body []byte) error {
		for kind, data := range attributes(body) {
			if kind == unix.NFTA_GEN_ID {
				n = number32(data)
			}
		}
		return nil
	})
	return n, err
}

func (s *socket) readParts() (*standing, error) {
	out := &standing{}
	ours := func(kind uint16) func(*packer) {
		return func(p *packer) { p.text(kind, tableName) }
	}
	found := false
	err := s.ask(nft(unix.NFT_MSG_GETTABLE), unix.NLM_F_ACK, unix.NFPROTO_INET, ours(unix.NFTA_TABLE_NAME), func(body []byte) error {
		found = true
		for kind, data := range attributes(body) {
			if n := number32(data); kind == unix.NFTA_TABLE_FLAGS && n != 0 {
				out.lines = append(out.lines, fmt.Sprintf("table: flags %#x", n)) // dormant
			}
		}
		return nil
	})
	if errors.Is(err, unix.ENOENT) || err == nil && !found {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := s.readSets(out, ours(unix.NFTA_SET_TABLE)); err != nil {
		return nil, err
	}
	if err := s.dump(nft(unix.NFT_MSG_GETCHAIN), unix.NFPROTO_INET, nil, func(body []byte) error {
		if c, table := decodeChain(body); table == tableName {
			out.chain(c)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	count := map[string]int{}
	if err := s.dump(nft(unix.NFT_MSG_GETRULE), unix.NFPROTO_INET, ours(unix.NFTA_RULE_TABLE), func(body []byte) error {
		chain, r, err := decodeRule(body)
		if err != nil {
			return err
		}
		out.rule(chain, count[chain], r)
		count[chain]++
		return nil
	}); err != nil {
		return nil, err
	}
	slices.Sort(out.lines)
	return out, nil
}

func (s *socket) readSets(out *standing, ours func(*packer)) error {
	var sets []kernelSet
	if err := s.dump(nft(unix.NFT_MSG_GETSET), unix.NFPROTO_INET, ours, func(body []byte) error {
		sets = append(sets, decodeSet(body))
		return nil
	}); err != nil {
		return err
	}
	for _, set := range sets {
		if !set.learns() {
			about := func(p *packer) {
				ours(p)
				p.text(unix.NFTA_SET_ELEM_LIST_SET, set.name)
			}
			if err := s.dump(nft(unix.NFT_MSG_GETSETELEM), unix.NFPROTO_INET, about, func(body []byte) error {
				set.keys = decodeElements(set.keys, body)
				return nil
			}); err != nil {
				return err
			}
		}
		out.set(set)
	}
	return nil
}

func decodeSet(body []byte) (s kernelSet) {
	for kind, data := range attributes(body) {
		switch kind {
		case unix.NFTA_SET_NAME:
			s.name = word(data)
		case unix.NFTA_SET_FLAGS:
			s.flags = number32(data)
		case unix.NFTA_SET_KEY_TYPE:
			s.keyType = number32(data)
		case unix.NFTA_SET_KEY_LEN:
			s.keyLength = number32(data)
		case unix.NFTA_SET_DESC:
			for kind, data := range attributes(data) {
				if kind == unix.NFTA_SET_DESC_SIZE {
					s.size = number32(data)
				}
			}
		}
	}
	return s
}

// decodeElements adds those of one message.
func decodeElements(all []key, body []byte) []key {
	for kind, list := range attributes(bytes.Clone(body)) {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		for _, element := range attributes(list) {
			var k key
			for kind, data := range attributes(element) {
				switch kind {
				case unix.NFTA_SET_ELEM_KEY:
					for _, value := range attributes(data) {
						k.data = value
					}
				case unix.NFTA_SET_ELEM_FLAGS:
					k.end = number32(data)&unix.NFT_SET_ELEM_INTERVAL_END != 0
				}
			}
			all = append(all, k)
		}
	}
	return all
}

func decodeChain(body []byte) (c kernelChain, table string) {
	for kind, data := range attributes(body) {
		switch kind {
		case unix.NFTA_CHAIN_TABLE:
			table = word(data)
		case unix.NFTA_CHAIN_NAME:
			c.name = word(data)
		case unix.NFTA_CHAIN_POLICY:
			c.drop = number32(data) == verdictDrop
		case unix.NFTA_CHAIN_HOOK:
			c.base = true
			for kind, data := range attributes(data) {
				switch kind {
				case unix.NFTA_HOOK_HOOKNUM:
					c.hook = number32(data)
				case unix.NFTA_HOOK_PRIORITY:
					c.order = int32(number32(data))
				}
			}
		}
	}
	return c, table
}

func decodeRule(body []byte) (chain string, r kernelRule, err error) {
	for kind, data := range attributes(body) {
		switch kind {
		case unix.NFTA_RULE_CHAIN:
			chain = word(data)
		case unix.NFTA_RULE_USERDATA:
			r.comment, _ = userdata.GetString(data, userdata.TypeComment)
		case unix.NFTA_RULE_EXPRESSIONS:
			for _, one := range attributes(data) {
				e, err := decodeExpr(one)
				if err != nil {
					return "", r, err
				}
				r.parts = append(r.parts, e)
			}
		}
	}
	return chain, r, nil
}

// decodeExpr reads one expression.
func decodeExpr(b []byte) (expr.Any, error) {
	var name string
	var about []byte
	for kind, data := range attributes(b) {
		switch kind {
		case unix.NFTA_EXPR_NAME:
			name = word(data)
		case unix.NFTA_EXPR_DATA:
			about = data
		}
	}
	e := known(name)
	if i, ok := e.(*expr.Immediate); ok {
		if err := expr.Unmarshal(unix.NFPROTO_INET, about, i); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if i.Register != unix.NFT_REG_VERDICT {
			return i, nil
		}
		e = &expr.Verdict{}
	}
	if e == nil {
		return &foreign{name: name}, nil
	}
	if err := expr.Unmarshal(unix.NFPROTO_INET, about, e); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

func word(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

func number32(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

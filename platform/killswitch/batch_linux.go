package killswitch

import (
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// A table as messages of one batch. encode_linux.go says what they hold.

// message is a table as the kernel takes it.
type message struct {
	sets   []kernelSet
	chains []kernelChain
}

// kernelSet is a set, with keys that are all of one length.
type kernelSet struct {
	name      string
	flags     uint32 // NFT_SET_*
	keyType   uint32 // for nft(8); the kernel only keeps it
	keyLength uint32
	size      uint32
	fields    []uint32 // the lengths of the parts of a key, where there are many
	keys      []key
}

// learns tells a set whose elements come from packets.
func (s kernelSet) learns() bool { return s.flags&unix.NFT_SET_EVAL != 0 }

// key is an element, or where an interval ends.
type key struct {
	data []byte
	end  bool
}

type kernelChain struct {
	name  string
	base  bool
	hook  uint32
	order int32 // priority
	drop  bool  // policy
	rules []kernelRule
}

type kernelRule struct {
	parts   []expr.Any
	comment string
}

// Numbers that golang.org/x/sys/unix lacks.
const (
	nftSetConcat     = 0x80 // NFT_SET_CONCAT
	nftaSetDescParts = 2    // NFTA_SET_DESC_CONCAT
	nftaSetFieldLen  = 1    // NFTA_SET_FIELD_LEN
	verdictDrop      = 0    // NF_DROP
	verdictAccept    = 1    // NF_ACCEPT
	// elementsAtOnce go in one attribute, which holds 64 KiB.
	elementsAtOnce = 1024
)

func nft(kind uint16) uint16 { return unix.NFNL_SUBSYS_NFTABLES<<8 | kind }

// change begins a message that makes or deletes something.
func (p *packer) change(kind, flags uint16) {
	p.begin(nft(kind), unix.NLM_F_REQUEST|flags, unix.NFPROTO_INET)
}

// table makes or deletes the table.
func (p *packer) table(kind, flags uint16) {
	p.change(kind, flags)
	p.text(unix.NFTA_TABLE_NAME, tableName)
	p.end()
}

// nothing deletes the table. Deleting what is not there would fail, so it is
// made first.
func (p *packer) nothing() {
	p.table(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE)
	p.table(unix.NFT_MSG_DELTABLE, 0)
}

// pack puts the whole change into one batch.
func (m *message) pack() (*packer, error) {
	p := newBatch()
	p.nothing()
	p.table(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE)
	for i, s := range m.sets {
		p.set(s, uint32(i+1))
		for some := range slices.Chunk(s.keys, elementsAtOnce) {
			p.elements(s.name, some)
		}
	}
	for _, c := range m.chains {
		p.chain(c)
	}
	for _, c := range m.chains {
		for n, r := range c.rules {
			if err := p.rule(c.name, r); err != nil {
				return nil, fmt.Errorf("rule %d of %s: %w", n, c.name, err)
			}
		}
	}
	return p, nil
}

func (p *packer) set(s kernelSet, id uint32) {
	p.change(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE)
	p.text(unix.NFTA_SET_TABLE, tableName)
	p.text(unix.NFTA_SET_NAME, s.name)
	p.number(unix.NFTA_SET_FLAGS, s.flags)
	p.number(unix.NFTA_SET_KEY_TYPE, s.keyType)
	p.number(unix.NFTA_SET_KEY_LEN, s.keyLength)
	p.number(unix.NFTA_SET_ID, id)
	p.nest(unix.NFTA_SET_DESC, func() {
		if s.size > 0 {
			p.number(unix.NFTA_SET_DESC_SIZE, s.size)
		}
		if len(s.fields) > 0 {
			p.nest(nftaSetDescParts, func() {
				for _, length := range s.fields {
					p.nest(unix.NFTA_LIST_ELEM, func() { p.number(nftaSetFieldLen, length) })
				}
			})
		}
	})
	// What nft(8) wants to know of the order of the octets.
	const bigEndian = 2
	p.attr(unix.NFTA_SET_USERDATA, userdata.AppendUint32(nil, userdata.NFTNL_UDATA_SET_KEYBYTEORDER, bigEndian))
	p.end()
}

func (p *packer) elements(set string, some []key) {
	p.change(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE)
	p.text(unix.NFTA_SET_ELEM_LIST_TABLE, tableName)
	p.text(unix.NFTA_SET_ELEM_LIST_SET, set)
	p.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func() {
		for _, k := range some {
			p.nest(unix.NFTA_LIST_ELEM, func() {
				if k.end {
					p.number(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
				}
				p.nest(unix.NFTA_SET_ELEM_KEY, func() { p.attr(unix.NFTA_DATA_VALUE, k.data) })
			})
		}
	})
	p.end()
}

func (p *packer) chain(c kernelChain) {
	p.change(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE)
	p.text(unix.NFTA_CHAIN_TABLE, tableName)
	p.text(unix.NFTA_CHAIN_NAME, c.name)
	if c.base {
		p.nest(unix.NFTA_CHAIN_HOOK, func() {
			p.number(unix.NFTA_HOOK_HOOKNUM, c.hook)
			p.number(unix.NFTA_HOOK_PRIORITY, uint32(c.order))
		})
		policy := uint32(verdictAccept)
		if c.drop {
			policy = verdictDrop
		}
		p.number(unix.NFTA_CHAIN_POLICY, policy)
		p.text(unix.NFTA_CHAIN_TYPE, "filter")
	}
	p.end()
}

func (p *packer) rule(chain string, r kernelRule) (err error) {
	p.change(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND)
	p.text(unix.NFTA_RULE_TABLE, tableName)
	p.text(unix.NFTA_RULE_CHAIN, chain)
	p.nest(unix.NFTA_RULE_EXPRESSIONS, func() {
		for _, e := range r.parts {
			b, wrong := expr.Marshal(unix.NFPROTO_INET, e)
			if wrong != nil && err == nil {
				err = wrong
			}
			p.attr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, b)
		}
	})
	if r.comment != "" {
		p.attr(unix.NFTA_RULE_USERDATA, userdata.AppendString(nil, userdata.TypeComment, r.comment))
	}
	p.end()
	return err
}

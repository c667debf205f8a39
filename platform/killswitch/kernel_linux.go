package killswitch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nfTables is the kernel's packet filter, by netlink: no program is run.
type nfTables struct{}

// What one exchange with the kernel may take.
const (
	bufferSize = 16 << 20 // the largest policy goes in one message
	patience   = 10 * time.Second
	chunk      = 512 // elements of a set in one attribute, which holds 64 KiB
)

func newKernel() (kernel, error) {
	c, err := nfTables{}.conn()
	if err == nil {
		_, err = c.ListTablesOfFamily(nftables.TableFamilyINet)
	}
	if err != nil {
		return nil, explain(err)
	}
	return nfTables{}, nil
}

// conn is good for any number of exchanges; each has a socket of its own.
func (nfTables) conn() (*nftables.Conn, error) {
	return nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		// A smaller buffer than was asked for is enough for small policies,
		// and the kernel says so where it is not.
		return errors.Join(c.SetWriteBuffer(bufferSize), c.SetReadBuffer(bufferSize), c.SetDeadline(time.Now().Add(patience)))
	}))
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
// not at all. Deleting what is not there would fail, so it is added first.
func (k nfTables) replace(t *table) (*standing, error) {
	m, err := encode(t)
	if err != nil {
		return nil, err
	}
	c, err := k.conn()
	if err != nil {
		return nil, explain(err)
	}
	c.AddTable(m.table)
	c.DelTable(m.table)
	c.AddTable(m.table)
	for i, s := range m.sets {
		if err := c.AddSet(s, nil); err != nil {
			return nil, fmt.Errorf("set %s: %w", s.Name, err)
		}
		for some := range slices.Chunk(m.values[i], chunk) {
			if err := c.SetAddElements(s, some); err != nil {
				return nil, fmt.Errorf("set %s: %w", s.Name, err)
			}
		}
	}
	for _, chain := range m.chains {
		c.AddChain(chain)
	}
	for _, all := range m.rules {
		for _, r := range all {
			c.AddRule(r)
		}
	}
	return m.shape(), explain(c.Flush())
}

func (k nfTables) remove() error {
	c, err := k.conn()
	if err != nil {
		return explain(err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: tableName})
	c.DelTable(t)
	return explain(c.Flush())
}

// read asks for every part. What a part holds that is not understood here is
// part of its line all the same.
func (k nfTables) read() (*standing, error) {
	c, err := k.conn()
	if err != nil {
		return nil, explain(err)
	}
	t, err := find(c)
	if t == nil || err != nil {
		return nil, err
	}
	s := &standing{}
	if t.Flags != 0 {
		s.lines = append(s.lines, fmt.Sprintf("table with flags %#x", t.Flags)) // dormant
	}
	if err := errors.Join(s.readSets(c, t), s.readChains(c, t)); err != nil {
		// It may have gone meanwhile, and then that is the answer.
		if again, gone := find(c); again == nil && gone == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("reading the policy: %w", explain(err))
	}
	slices.Sort(s.lines)
	return s, nil
}

// find returns the table, nil where there is none.
func find(c *nftables.Conn) (*nftables.Table, error) {
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("reading the tables: %w", explain(err))
	}
	if i := slices.IndexFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }); i >= 0 {
		return tables[i], nil
	}
	return nil, nil
}

func (s *standing) readSets(c *nftables.Conn, t *nftables.Table) error {
	sets, err := c.GetSets(t)
	if err != nil {
		return err
	}
	for _, set := range sets {
		var values []nftables.SetElement
		if !set.Dynamic {
			if values, err = c.GetSetElements(set); err != nil {
				return err
			}
		}
		s.set(set, values)
	}
	return nil
}

func (s *standing) readChains(c *nftables.Conn, t *nftables.Table) error {
	chains, err := c.ListChainsOfTableFamily(t.Family)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if chain.Table.Name == t.Name {
			s.chain(chain)
		}
	}
	return s.readRules(t)
}

// readRules reads rules by itself: nftables leaves out expressions that it
// knows only how to send.
func (s *standing) readRules(t *nftables.Table) (err error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	about, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NFTA_RULE_TABLE, Data: []byte(t.Name + "\x00")}})
	if err != nil {
		return err
	}
	got, err := c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: append([]byte{byte(t.Family), unix.NFNETLINK_V0, 0, 0}, about...),
	})
	if err != nil {
		return err
	}
	number := map[string]int{}
	for _, m := range got {
		if len(m.Data) < 4 {
			return errors.New("a rule too short")
		}
		chain, parts, comment, err := decodeRule(m.Data[4:])
		if err != nil {
			return err
		}
		s.rule(chain, number[chain], parts, comment)
		number[chain]++
	}
	return nil
}

// decodeRule reads one rule of the kernel's.
func decodeRule(b []byte) (chain string, parts []expr.Any, comment []byte, err error) {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return "", nil, nil, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_CHAIN:
			chain = ad.String()
		case unix.NFTA_RULE_USERDATA:
			comment = ad.Bytes()
		case unix.NFTA_RULE_EXPRESSIONS:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(func(one *netlink.AttributeDecoder) error {
						e, err := decodeExpr(one)
						parts = append(parts, e)
						return err
					})
				}
				return nil
			})
		}
	}
	return chain, parts, comment, ad.Err()
}

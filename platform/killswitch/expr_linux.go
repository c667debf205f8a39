package killswitch

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// known are the expressions that rules here are made of, by the kernel's names.
func known(name string) expr.Any {
	switch name {
	case "meta":
		return &expr.Meta{}
	case "cmp":
		return &expr.Cmp{}
	case "payload":
		return &expr.Payload{}
	case "bitwise":
		return &expr.Bitwise{}
	case "lookup":
		return &expr.Lookup{}
	case "immediate":
		return &expr.Immediate{}
	case "reject":
		return &expr.Reject{}
	case "exthdr":
		return &expr.Exthdr{}
	case "ct":
		return &expr.Ct{}
	case "socket":
		return &expr.Socket{}
	case "dynset":
		return &expr.Dynset{}
	}
	return nil
}

// foreign stands for an expression that no rule here has.
type foreign struct {
	expr.Any
	name string
}

// decodeExpr reads one expression.
func decodeExpr(ad *netlink.AttributeDecoder) (expr.Any, error) {
	ad.ByteOrder = binary.BigEndian
	var name string
	var data []byte
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_EXPR_NAME:
			name = ad.String()
		case unix.NFTA_EXPR_DATA:
			data = ad.Bytes()
		}
	}
	e := known(name)
	if e == nil {
		return &foreign{name: name}, ad.Err()
	}
	if i, ok := e.(*expr.Immediate); ok {
		if err := expr.Unmarshal(unix.NFPROTO_INET, data, i); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if i.Register != unix.NFT_REG_VERDICT {
			return i, ad.Err()
		}
		e = &expr.Verdict{}
	}
	if err := expr.Unmarshal(unix.NFPROTO_INET, data, e); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, ad.Err()
}

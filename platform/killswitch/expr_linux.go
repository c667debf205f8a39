package killswitch

import "github.com/google/nftables/expr"

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

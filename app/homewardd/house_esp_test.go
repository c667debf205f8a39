package main

// espRules are the rows of esp: the data plane. By name.
var espRules = []rule{
	{
		// The modes of AES that the standard library lacks are written once,
		// for IKE and ESP alike; the package knows neither of them.
		of:      []string{"./esp"},
		own:     []string{"./ike/aesmode"},
		outside: []string{"golang.org/x/crypto/..."},
		why:     "an SA needs the standard library, x/crypto and the modes of AES that those lack, and nobody else",
		never: map[string]string{
			"net":  "packets come and go through the caller's buffers",
			"os":   noSystem,
			"time": "lifetimes are the session's business",
			"sync": "an SA has one owner; only the sequence counter is shared, and that is atomic",
		},
	},
	{
		of:      []string{"./esp/dataplane"},
		own:     []string{"./esp"},
		behind:  []string{"./ike/aesmode"},
		outside: nothing,
		why:     "devices and sockets come in through interfaces, which wireguard's satisfy without being named; SAs come through AddSA",
	},
	{
		of:      []string{"./esp/esptest"},
		own:     []string{"./esp"},
		behind:  []string{"./ike/aesmode"},
		outside: nothing,
		why:     "the fakes are used inside dataplane's own tests",
	},
}

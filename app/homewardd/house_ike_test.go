package main

// ikeRules are the rows of ike: the core, without I/O. By name.
var ikeRules = []rule{
	{
		of:     []string{"./ike"},
		own:    []string{"./ike/auth", "./ike/eap", "./ike/suite", "./ike/wire"},
		behind: []string{"./ike/aesmode", "./ike/eap/tlsstep"},
		why:    "the session stands on its own parts alone",
		never: map[string]string{
			"sync":        "the core is one input at a time, and has nothing to lock",
			"log":         "logging goes to Config.Logger",
			"crypto/tls":  "EAP methods alone speak TLS, in ike/eap",
			"crypto/x509": "trust is decided by the owner, with ike/auth",
		},
	},
	{
		of:     []string{"./ike/..."},
		except: []string{"./ike/iketest/vectors"},
		why:    "the core needs x/crypto and the arithmetic that the standard library lacks, and nothing else from outside",
		outside: []string{
			"golang.org/x/crypto/...", "github.com/cloudflare/circl/...", "filippo.io/bigmod",
		},
		never: map[string]string{
			"net":            noIO + "; addresses are net/netip",
			"os":             noSystem,
			"syscall":        noSystem,
			"math/big":       "wire values keep their leading zeros, and secrets their time",
			"./esp/...":      "the core hands keys over and sees no packets",
			"./client/...":   noUp,
			"./platform/...": noSystem,
			"./app/...":      noUp,
		},
	},
	{
		of:     []string{"./ike/..."},
		except: []string{"./ike/iketest/..."},
		never:  map[string]string{"crypto/rand": seeded, "math/rand": seeded, "math/rand/v2": seeded},
	},
	{
		of:      []string{"./ike/aesmode"},
		own:     nothing,
		outside: nothing,
		why:     "the data plane uses it too, and is to bring nothing of the protocol along",
	},
	{
		of:     []string{"./ike/auth"},
		own:    []string{"./ike/suite", "./ike/wire"},
		behind: []string{"./ike/aesmode"},
		why:    joined + "; an EAP key arrives as octets",
		never: map[string]string{
			"crypto/tls": "only EAP methods speak TLS",
		},
	},
	{
		of:     []string{"./ike/eap"},
		own:    []string{"./ike/auth", "./ike/eap/tlsstep", "./ike/suite"},
		behind: []string{"./ike/aesmode", "./ike/wire"},
		why:    joined + ": packets come out of their payload before they get here, and the key becomes an AUTH payload elsewhere; of auth it needs the names of signatures",
	},
	{
		of:      []string{"./ike/eap/tlsstep"},
		own:     []string{"./ike/suite"},
		behind:  []string{"./ike/aesmode", "./ike/wire"},
		outside: nothing,
		why:     "crypto/tls in steps knows no EAP: framing, methods and what a chain is judged by are others' business",
	},
	{
		of:     []string{"./ike/iketest"},
		own:    []string{"./ike", "./ike/auth", "./ike/eap", "./ike/iketest/tlsserver", "./ike/suite", "./ike/wire"},
		behind: []string{"./ike/aesmode", "./ike/eap/tlsstep"},
		why:    "the gateway in memory stands beside the core, and knows nothing else of the house",
	},
	{
		of:      []string{"./ike/iketest/tlsserver"},
		own:     nothing,
		outside: nothing,
		why:     "it is the other side of what it tests, and shares nothing with it",
	},
	{
		of:      []string{"./ike/iketest/vectors"},
		own:     nothing,
		outside: nothing,
		why:     "tests inside every package of ike load vectors with it, so it may import none of them",
	},
	{
		of:  []string{"./ike/suite"},
		own: []string{"./ike/aesmode", "./ike/wire"},
		why: joined + "; auth and eap build on suite",
	},
	{
		of:      []string{"./ike/wire"},
		own:     nothing,
		outside: nothing,
		why:     "the codec stands on the standard library alone",
	},
}

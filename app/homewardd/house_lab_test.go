package main

// labRules are the rows of lab: the lab of client/lab, which works on the programs from outside. By name.
var labRules = []rule{
	{
		// A half-open IKE SA at the gateway, which makes it want cookies, is
		// the one thing that the lab has package ike for.
		of:      []string{"./client/lab", "./client/lab/homeward-lab"},
		own:     []string{"./client/lab", "./platform/platformtest/debian", "./ike", "./ike/auth", "./ike/suite"},
		behind:  []string{"./ike/aesmode", "./ike/eap/...", "./ike/wire"},
		outside: anything,
		why:     "the company in a box works on Homeward's programs from outside, as a person does",
	},
	{
		// It times single parts with nothing else around them: two data planes
		// on real devices and sockets, a packet sealed and opened, a handshake
		// with each group. No program shows those from outside.
		of:      []string{"./client/lab/bench"},
		own:     []string{"./client/lab", "./client/control", "./esp/...", "./platform/...", "./ike", "./ike/iketest", "./ike/suite"},
		behind:  []string{"./client/profile", "./platform/platformtest/debian", "./ike/..."},
		outside: anything,
		why:     "the benchmark joins the parts whose speed is measured, and no more",
	},
	{
		// The suite's list of keywords says which algorithms there are to try.
		of:      []string{"./client/lab/e2e"},
		own:     []string{"./client/lab", "./ike/suite"},
		behind:  []string{"./platform/platformtest/debian", "./ike/..."},
		outside: anything,
		why:     "the end-to-end tests see the programs as a person does: by what they print and what they do to the system",
		tests:   true,
	},
	{
		// No program shows the key that EAP ends with: it is compared with the
		// servers' here.
		of:      []string{"./client/lab/radius"},
		own:     []string{"./client/lab", "./ike/auth", "./ike/eap", "./ike/eap/tlsstep", "./ike/suite"},
		behind:  []string{"./platform/platformtest/debian", "./ike/..."},
		outside: anything,
		why:     "the sign-in servers of the lab and the EAP peer meet with nothing in between",
		tests:   true,
	},
}

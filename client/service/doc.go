// Package service does what the supervisor decides: it performs the effects on
// the parts of the operating system, runs the tunnel, asks the user's programs
// what only they can answer, and shows the state to everybody who may see it.
//
// These goroutines carry it. The loop owns the supervisor's state: it takes one
// event after the other and never waits for anything else. The performer does
// the effects that change the system, strictly in order, and may take its
// time. Each tunnel runs on one of its own, and so does what asks the network: for the
// wishes of profiles that connect by themselves (automation.go), for a sign-in that the
// network wants (portal.go), and for the proof that nothing leaves (proof.go). What they
// share is behind small locks that are held for a copy and no longer, so a status call
// never waits.
//
//	control call, tunnel event, timer -> inbox -> loop -> supervisor.Step
//	  -> Announce, Ask, Refuse: at once, by the loop
//	  -> everything else: performer -> Done, Failed, TunnelDown -> inbox
//
// What the kill switch holds back is composed in one place (guard.go) of what the
// supervisor orders, the addresses that a tunnel may reach, the machine's settings and
// the local networks. Recover has it stand before anything of an earlier run is taken
// back, and what must outlive this run is on disk before it is done (posture.go).
//
// A password or shared key that the user gave is kept in memory for as long as
// the user wants the line, so that a lost line comes back, and one that stands is
// renewed (RFC 4478), without them. It is cleared with the wish, and when the gateway
// refuses it; it is never written anywhere. One that the user gives for a line that
// stands is kept only once that has been renewed with it. What is good for one time is
// never kept: a code never, and a password that is refused at its second use is the
// last that is. That a password is under way, or was refused, or that an account has
// codes, is noted on disk (of which profile and user, not which password), so that no
// program answers with the same one by itself: trials.go.
//
// The package never parses what the network sends and never decides what
// follows what. app/homewardd makes the parts and calls New, Recover and Run;
// client/control's server calls the Backend methods.
package service

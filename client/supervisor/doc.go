// Package supervisor is a connection's life as a pure step: Step takes a State
// and an Event and gives the next State and the effects to perform.
//
// It owns the decisions: when a tunnel is started and stopped, in which order
// the kill switch, routes and DNS change, what a failure leads to, when to try
// again. It never does anything itself: no I/O, no clock, no randomness, no
// goroutine. client/service performs the effects and feeds the results back as
// events.
//
//	Disconnected --Connect--> Connecting <--> NeedsInput
//	Connecting   --network set--> Connected
//	Connected    --line lost, cause passes--> Connecting (after a wait)
//	any          --Disconnect--> Disconnecting --all undone--> Disconnected
//	any          --lasting failure, kill switch on--> Blocked
//	any          --lasting failure, kill switch off--> Disconnecting --> Disconnected
//	any          --Disconnect in lockdown--> Disconnecting --> Blocked (lockdown)
//	Disconnected --ModeSet to lockdown--> Blocked (lockdown)
//	(start)      --Restarted, something was held back--> Blocked (service-restarted, lockdown)
//	any          --the policy failed--> Blocked, Unprotected until one stands
//
// How much is held back (Mode) is the machine's Setting, and where that is silent the
// profile's. Every batch that may let a packet out begins with the policy for it; a
// Setting that changes while a batch is under way has its policy ordered next (owed).
// Blocked is left by a person's wish, by that of rules where no person's stands in the
// way, by a Setting, and by a cause that is gone.
//
// Effects of one step that change the system form a batch: the service performs
// them in order, and when one fails it leaves out the rest and answers Failed;
// Report at the end of the batch answers Done. Clearing effects (ClearDNS,
// ClearRoutes, StopTunnel) never fail a batch, for there is nothing better to
// do than to go on with the rest; the ledger keeps what they could not undo.
//
// Every tunnel, timer and batch has a serial number that is never used twice.
// An event with a number that is not the current one comes from something that
// was given up already, and changes nothing.
package supervisor

// Package ike is the IKEv2 core of a road warrior (RFC 7296): an initiator that
// also answers its peer's own requests, without any I/O.
//
// It owns the messages' meaning: the exchanges, the message windows, the IKE
// SAs with their keys, the negotiation of Child SAs and every deadline among
// them. It never opens a socket, reads a clock, starts a goroutine, touches the
// disk, or sees an ESP packet; it never decides whether a certificate is to be
// trusted, and it holds no private key. client/tunnel calls it, and iketest in
// tests.
//
// # Input, then drain
//
// A Session has three inputs: HandleDatagram, HandleTimeout and Do. After every
// one of them, whatever it returned, the caller drains PollTransmit and
// PollEvent until both say false, and arms its one timer for NextTimeout. What
// comes out keeps its order over both: each says false while the other has what
// came before, such as the ChildAdded for an SA of which the next datagram tells
// the peer.
//
//	s, err := ike.New(cfg)
//	err = s.Do(now, ike.Connect{})
//	for {
//		drain(s)                  // send datagrams, perform events
//		wait(s.NextTimeout())     // a datagram, an answer, or the time
//		...                       // exactly one input
//	}
//
// Slices in what Poll returns are valid until the next input, and must not be
// written to; only the keys in ChildAdded belong to the receiver. Slices given
// to an input are borrowed until it returns, but for the answers' secrets, which
// the Session clears. A Session is not safe for concurrent use. The same inputs
// with the same octets from Config.Rand give the same outputs, but for the answer
// to a key exchange by ML-KEM that the peer asks for (see ike/suite).
//
// What is slow or secret leaves the core as a question (NeedVerdict,
// NeedCertificate, NeedSignature, NeedCredentials, NeedPSK) and comes back through Do as the
// answer with the same ID. There is no deadline on an answer in here: the owner
// knows what a person may take, and can Delete at any time.
//
// # Errors
//
// What an input returns is for logs and tests; everything that must be acted on
// comes out of Poll. There are three kinds:
//
//   - *DropError: the datagram was dropped and nothing changed. Counted by reason.
//   - *NotifyError: the peer was told that its request cannot be served
//     (RFC 7296 2.21.3); the Session goes on. Counted.
//   - *Failure: the Session is over, with a cause that a person can be told. The
//     same Failure comes in Closed, which is the last event: at once, or after an
//     orderly Delete where the peer still holds an IKE SA (about two seconds at most).
//
// A command that does not fit the state of the Session returns one of the Err
// values and changes nothing.
//
// Before keys exist nothing that anybody can forge ends the attempt: a COOKIE
// or an INVALID_KE_PAYLOAD for an offered group starts one of a bounded number
// of retries, an error notification is kept as a hint and believed only when
// nothing better has come two seconds later (a redirect with our nonce in it, which
// only a reader of the request can have made, a moment later), and of several
// IKE_SA_INIT responses each is tried, up to a bound, until one of them leads to the
// gateway's proof of who it is; one that leads to a failure is dropped, and that, too,
// is only a hint (RFC 7296 2.4, 2.6, 2.21.1, RFC 5685 3). With it go its questions:
// an answer to one of them is ErrUnknownQuestion.
//
// # Bounds
//
// A Session tries at most twelve IKE_SA_INIT responses, three at a time. It keeps
// one request and one response per IKE SA and direction, and one message of up to 64
// fragments under reassembly per direction. Retries of every kind are counted, and so
// are the rekeys of the peer, which wait while 16 IKE SAs stand; of those that need
// additional key exchanges at most four per IKE SA wait for the rest, for half a
// minute. Up to 16 Child SAs carry traffic at a time, or are about to, whoever made
// them (Config.MaxChildren), and the rest of what a gateway has narrowed is asked for
// as many times. An SA is not used beyond its lifetime, unless that is so short that
// its rekey takes longer. A client proves itself four times at most, and by EAP in 128
// packets each time, whatever the server asks for.
//
// # Reading order
//
// config.go with config_check.go, command.go and event.go, errors.go and failure.go
// (what goes in and what comes out); session.go and do.go (inputs and outputs),
// receive.go (a datagram's way in), transmit.go (a message's way out), window.go,
// schedule.go, reassembly.go, fragment.go, timers.go, keepalive.go; then the
// exchanges: init.go with candidate.go, encap.go and nat.go, intermediate.go, auth.go
// with certificate.go, auth_gateway.go, staple.go, auth_eap.go with auth_eap_failure.go,
// rounds.go, childless.go and establish.go,
// create_child.go with additional.go, rekey_child.go and rekey_ike.go with
// allowance.go, followup.go and followup_answer.go, crossing_child.go, crossing_ike.go
// and takeback.go, sync.go, informational.go, path_check.go; mobike.go with
// mobike_peer.go and path_probe.go; redirect.go and reauth.go; what they negotiate:
// config_payload.go, config_answer.go, selectors.go, quirks.go; and what they keep:
// sa.go, child.go, lifetime.go.
package ike

// Package eap runs EAP as the peer, the side that signs in (RFC 3748), in
// steps: a packet of the server goes in, the answer comes out, and where a
// password, a code, a signature or a verdict is needed the step asks for it
// instead of blocking.
//
// It owns the Identity, Notification and Nak exchanges, the methods, their checks of
// the server and their keys. It refuses every method that the configuration does not
// name, runs no second one after the first has begun, and takes no success before
// the method is at its end. It never carries packets, never asks a person, never
// judges a certificate and never keeps a password. The session in ike calls it,
// inside IKE_AUTH and after the gateway is authenticated (RFC 7296 2.16).
//
// # Bounds
//
// A server may send at most 20 requests that belong to no method, and ask for at most
// five passwords; what it says is shown as one line of up to 200 characters. Of a
// request nothing is kept but a hash, and the response to it until the next. A message
// of TLS has at most 64 KiB, however many packets it comes in, and 64 of them go through
// a tunnel, with 64 attributes or 16 TLVs each; 16 packets may be empty. Behind a password
// at most eight prompts are answered with PAP.
//
// # Reading order
//
// config.go, question.go and error.go (what goes in and comes out), packet.go; peer.go
// with nak.go (the conversation), method.go (what a method is); then the methods:
// mschapv2.go with refusal.go, mschap.go and change.go (its computations), token.go,
// md5.go, and safe.go (which of them may be trusted with what). Over TLS: carrier.go with
// fragments.go and carrier_error.go (what they share), tls.go; tunnel.go; ttls.go with
// avp.go, ttls_inner.go, ttls_mschapv2.go and ttls_eap.go; peap.go with peap_inner.go,
// peap_tlv.go and peap_binding.go.
package eap

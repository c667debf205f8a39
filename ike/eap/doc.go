// Package eap runs EAP as the peer, the side that signs in (RFC 3748), in
// steps: a packet of the server goes in, the answer comes out, and where a
// password is needed the step says so instead of blocking.
//
// It owns the Identity, Notification and Nak exchanges and the method
// MSCHAPv2, its checks of the server's proof and its key. It refuses every
// method that the configuration does not name. It never carries packets, never
// asks a person and never keeps a password. The session in ike calls it, inside
// IKE_AUTH and after the gateway is authenticated (RFC 7296 2.16).
//
// Authenticator is the other side, for in-memory gateways in tests.
package eap

// Package tlsserver is the server's side of TLS in steps, for tests: crypto/tls's
// server as a coroutine, and certificates to show. It knows nothing of the code it is
// tested against: octets go in and out.
package tlsserver

// Package dataplane moves packets between a TUN device and a UDP transport
// through ESP SAs, in batches.
//
// It owns the goroutines that read the device and the sockets, the table of
// SAs, the lingering of removed ones, and the MTU rules (ICMP "too big", MSS
// clamping, fragmentation of IPv4 packets that allow it). It never negotiates,
// never sends IKE messages, never configures the device and keeps no policy:
// client/tunnel tells it which SAs exist, which are active and where the
// gateway is.
//
// Out: TUN read (batch, with headroom) -> SA by selector -> MTU rules ->
// sequence numbers for the whole batch at once -> seal in place -> one batched
// send. In: batched receive -> demux -> SA by SPI -> open in place -> MSS clamp
// -> one batched TUN write -> control datagrams to their handler.
//
// Of several active SAs the first takes a packet that its selectors cover: where
// the selectors of one are within those of another it comes before that, else the
// one activated last comes first. What none covers is dropped, and its sender told
// by ICMP that it is prohibited.
//
// An SA that has carried so many packets that it should be replaced is told of
// through Config.Worn; replacing it is the owner's affair.
//
// Each direction runs to completion on the goroutine that read the batch: no
// hand-over, no channel, no allocation per packet. Sealing in parallel was left
// out on purpose: profiles of bulk TCP show less than a third of the time in the
// cipher, and the rest in system calls that a hand-over would only add to.
// Changes to the SAs are one pointer store of an immutable table.
package dataplane

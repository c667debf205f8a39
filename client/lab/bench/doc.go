// Command bench measures Homeward against its peers in one run, on the same
// two processors, and prints ratios: what a machine does in a second changes
// with the machine and the hour, a ratio within one run does not.
//
//   - ciphers: seal and open of 1,400-octet packets against Go's bare AES-GCM,
//     with allocations per packet;
//   - handshakes: for each group, key exchanges and whole handshakes of both ends
//     in memory on one core, per second, with allocations;
//   - throughput: TCP through two Homeward data planes with static SAs, through
//     a wireguard-go pair and through a strongSwan libipsec pair, over the same
//     kind of cable, in alternation;
//   - the service: from the API call to connected with EAP-MSCHAPv2, beside
//     strongSwan's own `swanctl --initiate` on the same path; memory and
//     wake-ups while connected and quiet.
//
// It runs in namespaces of its own (package lab) and leaves nothing behind. It
// is not part of what a user installs; `make bench` calls it.
package main

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/lab"
)

// The flow: pin to two processors, enter the lab's namespaces, then one
// section after the other, each of which prints its own table.

func main() {
	if len(os.Args) > 1 && os.Args[1] == endCommand {
		exit(runEnd(os.Args[2:]))
	}
	seconds := flag.Int("seconds", 4, "length of one throughput run")
	rounds := flag.Int("rounds", 3, "throughput runs of each kind, in alternation")
	only := flag.String("only", "", "one section: ciphers, handshakes, throughput or service; empty: all")
	flag.Parse()
	if err := pin(2); err != nil {
		exit(err)
	}
	if err := lab.Enter(); err != nil {
		exit(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	var errs []error
	for _, s := range []struct {
		name string
		run  func() error
	}{
		{"ciphers", cipherSection},
		{"handshakes", handshakeSection},
		{"throughput", func() error { return throughputSection(ctx, *rounds, time.Duration(*seconds)*time.Second) }},
		{"service", func() error { return serviceSection(ctx) }},
	} {
		if *only == "" || *only == s.name {
			errs = append(errs, s.run())
		}
	}
	cancel()
	exit(errors.Join(errs...))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// pin keeps this process and all it starts on the first n processors that it
// may use, so that both ends of every pair share the same ones.
func pin(n int) error {
	var allowed, chosen unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("asking for the processors: %w", err)
	}
	for cpu := 0; chosen.Count() < n && cpu < 1024; cpu++ {
		if allowed.IsSet(cpu) {
			chosen.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &chosen); err != nil {
		return fmt.Errorf("choosing processors: %w", err)
	}
	return nil
}

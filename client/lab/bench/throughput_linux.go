package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// throughputSection runs the three kinds in alternation and prints medians and
// ratios.
func throughputSection(ctx context.Context, rounds int, length time.Duration) error {
	kinds := []string{"homeward", "wireguard", "libipsec"}
	results := map[string][]float64{}
	for range rounds {
		for _, kind := range kinds {
			rate, err := throughput(ctx, kind, length)
			if err != nil {
				return fmt.Errorf("throughput of %s: %w", kind, err)
			}
			results[kind] = append(results[kind], rate)
		}
	}
	fmt.Println("\nTCP throughput, one stream, both ends on the same processors (Gbit/s: median, min-max)")
	for _, kind := range kinds {
		r := results[kind]
		slices.Sort(r)
		fmt.Printf("  %-22s %6.2f   %.2f-%.2f\n", names[kind], median(r)/1e9, r[0]/1e9, r[len(r)-1]/1e9)
	}
	h := median(results["homeward"])
	fmt.Printf("  homeward / wireguard-go       %.2f   (target 1.6)\n", h/median(results["wireguard"]))
	fmt.Printf("  homeward / strongSwan libipsec %.1f   (target 10)\n", h/median(results["libipsec"]))
	return nil
}

var names = map[string]string{"homeward": "homeward (AES-256-GCM)", "wireguard": "wireguard-go", "libipsec": "strongSwan libipsec"}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// throughput measures one kind over a fresh pair, in bits per second of what
// the receiver got.
func throughput(ctx context.Context, kind string, length time.Duration) (rate float64, err error) {
	pair, err := lab.StartPair()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, pair.Close()) }()
	server := "10.66.0.2"
	if kind == "libipsec" {
		server = lab.PairInsideB.String()
		if err := pair.ConnectStrongSwan(ctx); err != nil {
			return 0, err
		}
	} else {
		for _, e := range []struct {
			n    *lab.Namespace
			side string
		}{{pair.B, "b"}, {pair.A, "a"}} {
			stop, err := startEnd(ctx, e.n, kind, e.side)
			if err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, stop()) }()
		}
	}
	return iperf(ctx, pair, server, length)
}

// startEnd runs one end on a machine and waits until it stands.
func startEnd(ctx context.Context, n *lab.Namespace, kind, name string) (stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := n.Command(ctx, self, endCommand, kind, name)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			return fmt.Errorf("the end %s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
		}
		return nil
	}
	ready := make([]byte, len(endReady))
	if _, err := io.ReadFull(stdout, ready); err != nil {
		return nil, errors.Join(fmt.Errorf("the end %s did not start: %w", name, err), stop())
	}
	return stop, nil
}

// iperf sends one TCP stream from a to b.
func iperf(ctx context.Context, pair *lab.Pair, server string, length time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, length+30*time.Second)
	defer cancel()
	listener := pair.B.Command(ctx, "iperf3", "-s", "-1", "--forceflush")
	started := make(chan struct{})
	listener.Stdout = &waitFor{text: "listening", found: started}
	if err := listener.Start(); err != nil {
		return 0, err
	}
	select {
	case <-started:
	case <-ctx.Done():
		return 0, errors.Join(ctx.Err(), listener.Wait())
	}
	seconds := strconv.Itoa(max(1, int(length.Seconds())))
	out, err := pair.A.Command(ctx, "iperf3", "-c", server, "-t", seconds, "-O", "1", "-J").Output()
	if err != nil {
		return 0, errors.Join(fmt.Errorf("iperf3: %w: %s", err, out), listener.Cancel(), listener.Wait())
	}
	if err := listener.Wait(); err != nil {
		return 0, fmt.Errorf("iperf3 server: %w", err)
	}
	var report struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return 0, fmt.Errorf("iperf3's report: %w", err)
	}
	return report.End.Received.Rate, nil
}

// waitFor is a writer that closes found when text has come by.
type waitFor struct {
	text  string
	found chan struct{}
	seen  strings.Builder
	done  bool
}

func (w *waitFor) Write(p []byte) (int, error) {
	if !w.done {
		w.seen.Write(p)
		if strings.Contains(w.seen.String(), w.text) {
			w.done = true
			close(w.found)
		}
	}
	return len(p), nil
}

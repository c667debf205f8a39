// Command summary reads the output of `go test -json` and prints, as it goes,
// one line per package and everything about failures, and at the end how many
// tests passed, failed and were skipped, and why. It exits 1 when a test or a
// build failed, or when there was nothing to read.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"time"
)

// event is a line of test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build events
	Test       string
	Output     string
	Elapsed    float64
}

// summary is what was seen so far.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	packages                int
	broken                  []string            // packages and tests
	reasons                 map[string]int      // why tests were skipped
	output                  map[string][]string // by package and test
}

func main() {
	start := time.Now()
	s := &summary{out: os.Stdout, reasons: map[string]int{}, output: map[string][]string{}}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "summary:", err)
			os.Exit(1)
		}
	}
	s.end(time.Since(start))
	if len(s.broken) > 0 || s.packages == 0 {
		os.Exit(1)
	}
}

func (s *summary) line(b []byte) {
	var e event
	if json.Unmarshal(b, &e) != nil {
		fmt.Fprint(s.out, string(b)) // go's own words
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "build-fail":
		s.broken = append(s.broken, e.ImportPath+" (build)")
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.packageEnd(e)
		} else {
			s.testEnd(e)
		}
		delete(s.output, key)
	}
}

func (s *summary) testEnd(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "pass":
		s.passed++
		s.keepRest(e)
	case "fail":
		s.failed++
		s.broken = append(s.broken, key)
		fmt.Fprintf(s.out, "FAIL %s\n%s", key, strings.Join(telling(s.output[key]), ""))
	case "skip":
		s.skipped++
		s.keepRest(e)
		s.reasons[reason(s.output[key])]++
	}
}

func (s *summary) packageEnd(e event) {
	lines := s.output[e.Package+" "]
	switch e.Action {
	case "pass":
		s.packages++
		fmt.Fprintf(s.out, "ok   %-60s %6.1f s\n", e.Package, e.Elapsed)
	case "fail":
		s.packages++
		s.broken = append(s.broken, e.Package)
		fmt.Fprintf(s.out, "FAIL %s\n%s", e.Package, strings.Join(telling(lines), ""))
		// A test that never ended has its output kept under its own name.
		for _, key := range slices.Sorted(maps.Keys(s.output)) {
			if strings.HasPrefix(key, e.Package+" ") && key != e.Package+" " {
				fmt.Fprintf(s.out, "did not end: %s\n%s", key, strings.Join(telling(s.output[key]), ""))
				delete(s.output, key)
			}
		}
	}
}

// keepRest gives the package what followed a test's last word: the go tool counts a
// panic, or the stacks of a package that does not end, to the last test it has seen.
func (s *summary) keepRest(e event) {
	own, output := e.Package+" ", s.output[e.Package+" "+e.Test]
	if last := slices.IndexFunc(output, isVerdict); last >= 0 {
		s.output[own] = append(s.output[own], output[last+1:]...)
	}
}

func isVerdict(line string) bool {
	line = strings.TrimLeft(line, " ")
	return strings.HasPrefix(line, "--- PASS: ") || strings.HasPrefix(line, "--- SKIP: ")
}

// reason is what a test said before it was skipped.
func reason(output []string) string {
	for _, l := range output {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ") || l == "" {
			continue
		}
		// "file_test.go:12: the reason"
		if _, rest, ok := strings.Cut(l, ": "); ok {
			return rest
		}
		return l
	}
	return "no reason given"
}

func (s *summary) end(took time.Duration) {
	fmt.Fprintf(s.out, "\n%d packages, %d tests passed, %d failed, %d skipped, in %s\n",
		s.packages, s.passed, s.failed, s.skipped, took.Round(time.Second))
	reasons := make([]string, 0, len(s.reasons))
	for r := range s.reasons {
		reasons = append(reasons, r)
	}
	sort.Strings(reasons)
	for _, r := range reasons {
		fmt.Fprintf(s.out, "skipped %d: %s\n", s.reasons[r], r)
	}
	if s.packages == 0 {
		fmt.Fprintln(s.out, "no package was tested")
	}
	for _, b := range s.broken {
		fmt.Fprintln(s.out, "failed:", b)
	}
}

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// stackLines bounds what is printed of the stacks of one package.
const stackLines = 200

const module = "github.com/homeward-vpn/homeward/"

// stack is where one goroutine stands, or several that stand at the same place.
type stack struct {
	lines []string
	times int
}

// telling shortens the stacks of all goroutines that are printed when a package has
// not ended in time: those of tests first, then what they have started, and nothing
// that runs others' code alone. Other output stays as it is.
func telling(output []string) []string {
	start := slices.IndexFunc(output, func(l string) bool {
		return strings.HasPrefix(l, "panic: test timed out") || strings.HasPrefix(l, "SIGQUIT: quit")
	})
	if start < 0 {
		return output
	}
	stacks, rest := split(output[start:])
	shown := append(slices.Clone(output[:start]), rest...)
	room, left := stackLines, 0
	for _, s := range ordered(stacks) {
		if !s.ours() || len(s.lines)+2 > room {
			left += s.times
			continue
		}
		room -= len(s.lines) + 2
		shown = append(append(shown, "\n"), s.lines...)
		if s.times > 1 {
			shown = append(shown, fmt.Sprintf("(and %d more at the same place)\n", s.times-1))
		}
	}
	return append(shown, fmt.Sprintf("\n(%d goroutines left out)\n", left))
}

// split tells the stacks, which end with an empty line, from everything else.
func split(output []string) (stacks [][]string, rest []string) {
	inside := false
	for _, l := range output {
		switch {
		case strings.HasPrefix(l, "goroutine "):
			stacks = append(stacks, nil)
			inside = true
		case strings.TrimSpace(l) == "", strings.HasPrefix(l, "FAIL"), strings.HasPrefix(l, "exit status"):
			inside = false
		}
		if inside {
			stacks[len(stacks)-1] = append(stacks[len(stacks)-1], l)
		} else if strings.TrimSpace(l) != "" {
			rest = append(rest, l)
		}
	}
	return stacks, rest
}

// differs is what differs between goroutines at the same place.
var differs = regexp.MustCompile(`\([^()]*0x[^()]*\)|\+0x[0-9a-f]+|in goroutine \d+`)

// ordered gives each place once, tests first.
func ordered(all [][]string) (stacks []*stack) {
	known := map[string]*stack{}
	for _, lines := range all {
		place := differs.ReplaceAllString(strings.Join(lines[1:], ""), "")
		if s, ok := known[place]; ok {
			s.times++
			continue
		}
		known[place] = &stack{lines: lines, times: 1}
		stacks = append(stacks, known[place])
	}
	slices.SortStableFunc(stacks, func(a, b *stack) int {
		switch {
		case a.isTest() == b.isTest():
			return 0
		case a.isTest():
			return -1
		default:
			return 1
		}
	})
	return stacks
}

// isTest tells whether a test runs there, or waits for its subtests.
func (s *stack) isTest() bool { return s.runs("testing.tRunner(") }

// ours tells whether code of ours is being run there.
func (s *stack) ours() bool { return s.runs(module) }

func (s *stack) runs(what string) bool {
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, what) })
}

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// play gives what is printed about a package whose events those are.
func play(t *testing.T, events []event) (string, *summary) {
	t.Helper()
	var out strings.Builder
	s := &summary{out: &out, reasons: map[string]int{}, output: map[string][]string{}}
	for _, e := range events {
		e.Package = module + "x"
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		s.line(line)
	}
	return out.String(), s
}

// said makes output events of a text, as the go tool counts it to a test.
func said(test, text string) (events []event) {
	for l := range strings.Lines(text) {
		events = append(events, event{Action: "output", Test: test, Output: l})
	}
	return events
}

// dump is what the runtime prints when a test hangs beside the servers it has started.
func dump(servers int) string {
	var b strings.Builder
	b.WriteString("panic: test timed out after 3s\n\trunning tests:\n\t\tTestHangs (3s)\n\n" +
		"goroutine 1 [chan receive]:\ntesting.(*M).Run(0xc00009b180)\n\t/go/testing.go:2443 +0xf4c\n\n")
	for i := range servers {
		fmt.Fprintf(&b, "goroutine %d [select]:\n%[2]sx.serve(0xc%08[1]x)\n\t/src/x/serve.go:12 +0x%[1]x\ncreated by %[2]sx.TestHangs in goroutine %[1]d\n\t/src/x/x_test.go:7 +0x1\n\n", i+10, module)
		fmt.Fprintf(&b, "goroutine %d [IO wait]:\nnet/http.(*conn).serve(0xc%[1]x)\n\t/go/http.go:9 +0x1\n\n", i+10000)
	}
	b.WriteString("goroutine 8 [chan send]:\n" + module + "x.TestHangs(0xc0001e2908)\n\t/src/x/x_test.go:9 +0x45b\ntesting.tRunner(0xc0001e2908, 0xe00b48)\n\t/go/testing.go:2036 +0x21d\n")
	return b.String()
}

// TestHangIsTold: whichever test the go tool counts the stacks to, they are printed:
// the test that hangs first, what stands at the same place once, and nothing that is
// the runtime's alone.
func TestHangIsTold(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{"the one that hangs": "TestHangs", "one that has passed": "TestPasses", "none": ""} {
		events := said("TestHangs", "=== RUN   TestHangs\n")
		events = append(events, said("TestPasses", "=== RUN   TestPasses\n    x_test.go:3: a detail\n--- PASS: TestPasses (1.00s)\n")...)
		events = append(events, said(to, dump(1000))...)
		events = append(events, event{Action: "pass", Test: "TestPasses"})
		events = append(events, said("", "FAIL\tx\t3.019s\n")...)
		out, s := play(t, append(events, event{Action: "fail"}))
		if s.passed != 1 || len(s.broken) != 1 || strings.Count(out, "did not end: "+module+"x TestHangs") != 1 {
			t.Errorf("%s: %d passed, broken %q:\n%s", name, s.passed, s.broken, out)
		}
		hangs, serves := strings.Index(out, "x.TestHangs(0xc"), strings.Index(out, "x.serve(")
		if hangs < 0 || serves < hangs || strings.Count(out, "x.serve(") != 1 {
			t.Errorf("%s: the hung test at %d, the servers at %d:\n%s", name, hangs, serves, out)
		}
		for _, want := range []string{"panic: test timed out after 3s", "\t\tTestHangs (3s)", "(and 999 more at the same place)", "FAIL\tx\t3.019s"} {
			if strings.Count(out, want) != 1 {
				t.Errorf("%s: %q is not there once:\n%s", name, want, out)
			}
		}
		if strings.Contains(out, "net/http") || strings.Contains(out, "a detail") {
			t.Errorf("%s: what tells nothing is printed:\n%s", name, out)
		}
	}
}

// TestStacksAreBounded: goroutines at many places do not fill the screen.
func TestStacksAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("panic: test timed out after 3s\n\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "goroutine %d [select]:\n%sx.f%[1]d()\n\t/src/x/x.go:%[1]d +0x1\n\n", i, module)
	}
	events := said("", b.String())
	out, _ := play(t, append(events, event{Action: "fail"}))
	if n := strings.Count(out, "\n"); n > stackLines || n < stackLines/2 || !strings.Contains(out, "goroutines left out)") {
		t.Errorf("%d lines:\n%s", n, out)
	}
}

// TestPanicAfterAPass: a goroutine that panics when its test has passed already takes
// the package down, and is printed whole.
func TestPanicAfterAPass(t *testing.T) {
	t.Parallel()
	events := said("TestPasses", "--- PASS: TestPasses (1.00s)\npanic: too late\n\ngoroutine 7 [running]:\nmain.f()\n")
	events = append(events, event{Action: "pass", Test: "TestPasses"})
	out, _ := play(t, append(events, event{Action: "fail"}))
	if !strings.Contains(out, "panic: too late\n\ngoroutine 7 [running]:\nmain.f()\n") {
		t.Errorf("printed:\n%s", out)
	}
}

// TestWhatPassesIsQuiet: one line for a package that is well, and why tests were skipped.
func TestWhatPassesIsQuiet(t *testing.T) {
	t.Parallel()
	events := said("TestSkips", "=== RUN   TestSkips\n    x_test.go:3: no root here\n--- SKIP: TestSkips (0.00s)\n")
	events = append(events, event{Action: "skip", Test: "TestSkips"})
	events = append(events, said("", "-test.shuffle 1\nok\n")...)
	out, s := play(t, append(events, event{Action: "pass", Elapsed: 1}))
	if strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "ok ") || s.reasons["no root here"] != 1 || len(s.output) != 0 {
		t.Errorf("%q, %v, %v", out, s.reasons, s.output)
	}
}

package xmltree

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// TestTree reads names, texts and attributes, and gives them paths.
func TestTree(t *testing.T) {
	t.Parallel()
	root, err := Parse([]byte("\n<?xml version='1.0' encoding='utf-16'?><!DOCTYPE r>\n<r xmlns='x' xmlns:p='y'>" +
		"<a> one <b p:k='v'/> two </a><p:a><![CDATA[<three>]]></p:a><c>&lt;&#x34;</c><!-- no --></r>\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a := root.All("a"); len(a) != 2 || a[0].Text != "one two" || a[1].Text != "<three>" || root.Child("c").Value() != "<4" {
		t.Errorf("%+v", root)
	}
	if root.At("a", "b").Path != "a[0].b" || root.At("x", "y") != nil || root.At("x", "y").Value() != "" || root.Child("x").True() {
		t.Errorf("%+v", root.At("a", "b"))
	}
	r := importer.NewReport()
	root.Keys(r)
	for _, path := range []string{"a[0]", "a[0].b", "a[0].b@k", "a[1]", "c"} {
		if !r.Has(path) {
			t.Errorf("the report has no %s", path)
		}
	}
	if n := len(r.Lines()); n != 5 {
		t.Errorf("%d keys: %+v", n, r.Lines())
	}
	if r.Has(root.Child("x").Where()) {
		t.Error("what is not there has a place")
	}
}

// TestHostile refuses what a profile has no use for, in little time.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, word string }{
		"laughs":      {`<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>`, "declares XML entities"},
		"parameter":   {`<!DOCTYPE a [<!ENTITY % b SYSTEM "http://example.com/x"> %b;]><a/>`, "declares XML entities"},
		"entity":      {"<a>&b;</a>", "line 1"},
		"inside":      {"<a><!DOCTYPE b></a>", "declares XML entities"},
		"late":        {"<a/><!ENTITY b>", "declares XML entities"},
		"deep":        {strings.Repeat("<a>", 100_000), "64 levels"},
		"many":        {"<a>" + strings.Repeat("<b/>", 200_000) + "</a>", "100000 elements"},
		"two":         {"<a/>\n<b/>", "line 2 begins a second"},
		"text behind": {"<a/>x", "outside"},
		"text before": {"x<a/>", "outside"},
		"crossed":     {"<a><b></a></b>", "line 1"},
		"cut off":     {"\n\n<a>\n<b>", "cut off in line 4"},
		"in a tag":    {"<a ", "cut off in line 1"},
		"nothing":     {"", "cut off"},
		"only notes":  {"<!-- a -->", "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, err := Parse([]byte(c.text))
			var e *profile.ImportError
			if !errors.As(err, &e) || e.Problem != profile.ImportDamaged || root != nil || !strings.Contains(e.Sentence, c.word) {
				t.Errorf("%v", err)
			}
		})
	}
}

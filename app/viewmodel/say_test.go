package viewmodel

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/template"

	"github.com/homeward-vpn/homeward/assets"
)

// catalogue is one language's texts: by key, and by plural form ("other" where a
// text has only one).
type catalogue map[string]map[string]string

// templates are the texts that have placeholders, read.
var templates sync.Map // of text to *template.Template

func templateOf(text string) (*template.Template, error) {
	if known, ok := templates.Load(text); ok {
		return known.(*template.Template), nil
	}
	tmpl, err := template.New("").Option("missingkey=error").Parse(text)
	if err == nil {
		templates.Store(text, tmpl)
	}
	return tmpl, err
}

// plurals says which plural form a language has for a count (Unicode CLDR 45).
var plurals = map[string]func(n int) string{
	"en": func(n int) string { return pick(n == 1, "one") },
	"de": func(n int) string { return pick(n == 1, "one") },
	"fr": func(n int) string { return pick(n == 0 || n == 1, "one") },
	"es": func(n int) string { return pick(n == 1, "one") },
	"ja": func(int) string { return "other" },
}

func pick(is bool, form string) string {
	if is {
		return form
	}
	return "other"
}

// load reads a language as Fyne does.
var load = func() func(language string) (catalogue, error) {
	var mu sync.Mutex
	known := map[string]catalogue{}
	return func(language string) (catalogue, error) {
		mu.Lock()
		defer mu.Unlock()
		if c := known[language]; c != nil {
			return c, nil
		}
		data, err := assets.Translations.ReadFile(assets.TranslationsDir + "/" + language + ".json")
		if err != nil {
			return nil, err
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(data, &raw); err != nil {
			return nil, err
		}
		c := catalogue{}
		for key, v := range raw {
			var text string
			forms := map[string]string{}
			if json.Unmarshal(v, &text) == nil {
				forms["other"] = text
			} else if err := json.Unmarshal(v, &forms); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			c[key] = forms
		}
		known[language] = c
		return c, nil
	}
}()

// speak gives a Say in a language. An unknown key, or a placeholder that is not
// filled, fails the test.
func speak(t testing.TB, language string) Say {
	t.Helper()
	c, err := load(language)
	if err != nil {
		t.Fatal(err)
	}
	return func(key string, data map[string]any) string {
		forms, ok := c[key]
		if !ok {
			t.Errorf("%s: no text for %q", language, key)
			return key
		}
		form := "other"
		if n, ok := data["Count"].(int); ok {
			form = plurals[language](n)
		}
		text, ok := forms[form]
		if !ok {
			text = forms["other"]
		}
		if !strings.Contains(text, "{{") {
			return text
		}
		var b strings.Builder
		tmpl, err := templateOf(text)
		if err == nil {
			err = tmpl.Execute(&b, data)
		}
		if err != nil {
			t.Errorf("%s: %q: %v", language, key, err)
		}
		return b.String()
	}
}

func TestASentenceEndsOnce(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "in 10 Min..": "in 10 Min.", "Done.": "Done.", "and so on...": "and so on...", "..": "."} {
		if got := oneStop(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

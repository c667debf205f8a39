package viewmodel

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/credential"
)

func TestTimes(t *testing.T) {
	t.Parallel()
	say := func(language string) texts { return texts{say: speak(t, language), now: noon} }
	for _, c := range []struct {
		when                       time.Time
		en, de, fr, es, ja, asDate string
	}{
		{clock(9, 14), "09:14", "09:14", "09:14", "09:14", "09:14", "14 March"},
		{clock(23, 59), "23:59", "23:59", "23:59", "23:59", "23:59", "14 March"},
		{clock(9, 14).AddDate(0, 0, -1), "yesterday, 09:14", "gestern, 09:14", "hier, 09:14", "ayer, 09:14", "昨日 09:14", "13 March"},
		{clock(0, 0).AddDate(0, 0, 1), "tomorrow, 00:00", "morgen, 00:00", "demain, 00:00", "mañana, 00:00", "明日 00:00", "15 March"},
		{clock(9, 14).AddDate(0, -1, 0), "14 February, 09:14", "14. Februar, 09:14", "14 février, 09:14", "14 de febrero, 09:14", "2月14日 09:14", "14 February"},
		{clock(9, 14).AddDate(1, 0, 0), "14 March 2027, 09:14", "14. März 2027, 09:14", "14 mars 2027, 09:14", "14 de marzo de 2027, 09:14", "2027年3月14日 09:14", "14 March 2027"},
		{time.Time{}, "an unknown time", "unbekannter Zeit", "une heure inconnue", "una hora desconocida", "不明な時刻", "1 January 1"},
	} {
		for language, want := range map[string]string{"en": c.en, "de": c.de, "fr": c.fr, "es": c.es, "ja": c.ja} {
			if got := say(language).at(c.when); got != want {
				t.Errorf("%s: %v is %q, want %q", language, c.when, got, want)
			}
		}
		if got := say("en").date(c.when); got != c.asDate {
			t.Errorf("the date of %v is %q, want %q", c.when, got, c.asDate)
		}
	}
	// A person's own time, whatever the service's is.
	tokyo := time.FixedZone("JST", 9*3600)
	if got := (texts{say: speak(t, "en"), now: noon.In(tokyo)}).at(clock(9, 14)); got != "18:14" {
		t.Errorf("in Tokyo it is %q", got)
	}
}

func TestHowFarAway(t *testing.T) {
	t.Parallel()
	en, de := texts{say: speak(t, "en"), now: noon}, texts{say: speak(t, "de"), now: noon}
	for d, want := range map[time.Duration][2]string{
		-time.Hour:                      {"in less than a minute", "in weniger als einer Minute"},
		29 * time.Second:                {"in less than a minute", "in weniger als einer Minute"},
		31 * time.Second:                {"in 1 min", "in 1 Min."},
		12 * time.Minute:                {"in 12 min", "in 12 Min."},
		2 * time.Hour:                   {"in 2 h", "in 2 Std."},
		2*time.Hour + 41*time.Minute:    {"in 2 h 41 min", "in 2 Std. 41 Min."},
		49 * time.Hour:                  {"in 2 days", "in 2 Tagen"},
		time.Duration(math.MaxInt64):    {"in 106751 days", "in 106751 Tagen"},
		time.Duration(math.MinInt64):    {"in less than a minute", "in weniger als einer Minute"},
		47*time.Hour + 59*time.Minute:   {"in 47 h 59 min", "in 47 Std. 59 Min."},
		59*time.Minute + 40*time.Second: {"in 1 h", "in 1 Std."},
	} {
		if got := [2]string{en.until(noon.Add(d)), de.until(noon.Add(d))}; got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64][3]string{
		0:              {"0 bytes", "0 Byte", "0 octet"},
		1:              {"1 byte", "1 Byte", "1 octet"},
		999:            {"999 bytes", "999 Byte", "999 octets"},
		1000:           {"1.0 kB", "1,0 kB", "1,0 ko"},
		48_200_000:     {"48.2 MB", "48,2 MB", "48,2 Mo"},
		999_949_999:    {"999.9 MB", "999,9 MB", "999,9 Mo"},
		999_950_001:    {"1.0 GB", "1,0 GB", "1,0 Go"},
		math.MaxUint64: {"18.4 EB", "18,4 EB", "18,4 Eo"},
	} {
		for i, language := range []string{"en", "de", "fr"} {
			if got := (texts{say: speak(t, language)}).size(n); got != want[i] {
				t.Errorf("%s: %d is %q, want %q", language, n, got, want[i])
			}
		}
	}
	for language, want := range map[string]string{"en": "1,234,567", "de": "1.234.567", "fr": "1\u00a0234\u00a0567", "es": "1.234.567", "ja": "1,234,567"} {
		if got := (texts{say: speak(t, language)}).number(1_234_567); got != want {
			t.Errorf("%s: %q, want %q", language, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"Harbour Office", "Harbour Office"}, {"  a\tb\r\nc  ", "a b c"}, {"a\x00\x1b[31mred", "a [31mred"},
		{"ab\u202egnp.exe", "abgnp.exe"}, {"a\u2066b\u2069c\u200d", "abc"}, {"line\u2028break\u2029", "line break"},
		{"\xff\xfe!", "!"}, {"مكتب הנמל", "مكتب הנמל"}, {"a\u00a0:", "a\u00a0:"}, {"\ue000", ""}, {"", ""},
		{strings.Repeat("x", 200), strings.Repeat("x", 39) + "…"}, {strings.Repeat("é", 41), strings.Repeat("é", 39) + "…"}, {strings.Repeat("a ", 40), strings.TrimRight(strings.Repeat("a ", 39)[:39], " ") + "…"},
	} {
		if got := Clean(c[0], 40); got != c[1] {
			t.Errorf("%q becomes %q, want %q", c[0], got, c[1])
		}
	}
	if n := utf8.RuneCountInString(Clean(strings.Repeat("𝔘", 1<<20), 40)); n != 40 {
		t.Errorf("%d characters", n)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	at := func(ago time.Duration, rx, tx uint64) Sample { return Sample{At: noon.Add(-ago), Rx: rx, Tx: tx} }
	points, top := rates([]Sample{
		at(10*time.Minute, 0, 0), at(9*time.Minute, 1<<40, 0), // before the graph begins
		at(60*time.Second, 1<<40, 0), at(50*time.Second, 1<<40+10_000, 5_000),
		at(40*time.Second, 0, 0), // begun anew
		at(38*time.Second, 1_000, 0), at(38*time.Second, 9_000, 0), at(-time.Hour, 9_500, 0),
	}, noon)
	if len(points) != trafficPoints || top != 1000 {
		t.Fatalf("%d points, top %v", len(points), top)
	}
	peak := points[len(points)-28]
	if peak.Rx != 1 || peak.Tx != 0.5 || points[0].Rx != 0 {
		t.Errorf("%+v", points)
	}
	for _, p := range points {
		if p.Rx < 0 || p.Rx > 1 || p.Tx < 0 || p.Tx > 1 || math.IsNaN(p.Rx) {
			t.Errorf("%+v", p)
		}
	}
	if points, top := rates(nil, noon); len(points) != trafficPoints || top != 0 {
		t.Errorf("without samples: %v", top)
	}
}

// TestAQuietLineNamesNoRate: nothing is said of the height of a flat line.
func TestAQuietLineNamesNoRate(t *testing.T) {
	t.Parallel()
	in := connected()
	in.Samples = []Sample{{At: noon.Add(-2 * time.Minute), Rx: 5}, {At: noon.Add(-time.Minute), Rx: 5}}
	if got := Main(in, speak(t, "en")).Traffic; got == nil || got.Peak != "" || got.Received == "" {
		t.Errorf("%+v", got)
	}
	in.Samples[1].Rx = 600_005
	if got := Main(in, speak(t, "en")).Traffic; got == nil || got.Peak != "10.0 kB/s" {
		t.Errorf("a line with traffic: %+v", got)
	}
}

// TestAnAnnouncedEndIsNotRenewedByItself: the facts do not say otherwise than the notice.
func TestAnAnnouncedEndIsNotRenewedByItself(t *testing.T) {
	t.Parallel()
	for left, itself := range map[time.Duration]bool{12 * time.Minute: false, 12 * time.Hour: true} {
		in := connected()
		in.Status.SignInAgainBy = new(noon.Add(left))
		v := Main(in, speak(t, "en"))
		for _, f := range v.Facts {
			if f.Name == "Signed in" && strings.Contains(f.Value, "by itself") != itself {
				t.Errorf("with %v left: %s", left, f.Value)
			}
		}
	}
}

// TestSettingsSayNothingOfWhatIsNotKnown: how secrets are kept is there when it is known.
func TestSettingsSayNothingOfWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for mode, there := range map[credential.Mode]bool{"": false, credential.ModeAsk: true} {
		in := connected()
		in.Secrets = mode
		shown := false
		for _, g := range Settings(in, speak(t, "en")).Groups {
			shown = shown || g.Title == "Passwords and keys"
			if !slices.ContainsFunc(g.Choices, func(c SettingChoice) bool { return c.On }) {
				t.Errorf("nothing is chosen of %s", g.Title)
			}
		}
		if shown != there {
			t.Errorf("kept by %q: shown is %v", mode, shown)
		}
	}
}

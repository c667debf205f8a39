package tlsstep

import (
	"crypto/tls"
	"testing"
	"time"
)

// resumes runs a whole connection and says whether a session was taken up again.
func resumes(t *testing.T, cfg Config, server *tls.Config, keep bool) bool {
	t.Helper()
	k := newTalk(t, cfg, server)
	if err := k.connect(); err != nil || !k.s.Established {
		t.Fatal(err, k.s.Err)
	}
	// The tickets of TLS 1.3 come behind the client's last flight.
	if out, _ := k.s.Input(nil); len(out) > 0 {
		t.Fatal("the server goes on by itself")
	}
	if keep {
		k.c.Keep()
	}
	got := k.c.State().Resumed
	if got != k.s.TLS.ConnectionState().DidResume || k.seen[0].Resumed != got {
		t.Errorf("resumed here: %v", got)
	}
	return got
}

func sessionWorld(version uint16) (Config, *tls.Config) {
	cfg, server := world().client(), world().serverConfig()
	server.MaxVersion = version
	server.SetSessionTicketKeys([][32]byte{{1}})
	cfg.Sessions = &Sessions{}
	return cfg, server
}

// A session is kept when the conversation has ended well, and serves one that is
// the same in everything that it hangs on (RFC 8446 4.6.1, 8446 C.4).
func TestSessions(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg, server := sessionWorld(version)
		for i, row := range []struct{ keep, want bool }{{false, false}, {true, false}, {true, true}, {true, true}, {false, true}, {true, false}} {
			if got := resumes(t, cfg, server, row.keep); got != row.want {
				t.Errorf("%s, connection %d: resumed %v", tls.VersionName(version), i, got)
			}
		}
		for name, change := range map[string]func(*Config){
			"another policy":      func(c *Config) { c.Policy = "x" },
			"another name":        func(c *Config) { c.ServerName = "radius.example" },
			"another version":     func(c *Config) { c.MinVersion, c.MaxVersion = version, version },
			"the old ones too":    func(c *Config) { c.Legacy = true },
			"another certificate": func(c *Config) { c.Certificates = append(c.Certificates[:1:1], world().server.Certificate...) },
			"another profile":     func(c *Config) { c.Sessions = &Sessions{} },
		} {
			other := cfg
			change(&other)
			if resumes(t, other, server, false) {
				t.Errorf("%s, %s: resumed", tls.VersionName(version), name)
			}
		}
		if !resumes(t, cfg, server, false) {
			t.Errorf("%s: the session was lost meanwhile", tls.VersionName(version))
		}
	}
}

// RFC 8446 4.6.1: a session grows old, counted from its full handshake, however
// often it was taken up again.
func TestSessionsGrowOld(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg, server := sessionWorld(version)
		clock := now()
		cfg.Now = func() time.Time { return clock }
		server.Time = cfg.Now
		resumes(t, cfg, server, true)
		for i, row := range []struct {
			after time.Duration
			want  bool
		}{{4 * time.Hour, true}, {4 * time.Hour, true}, {time.Second, false}, {-time.Hour, false}} {
			clock = clock.Add(row.after)
			if got := resumes(t, cfg, server, true); got != row.want {
				t.Errorf("%s, connection %d: resumed %v", tls.VersionName(version), i, got)
			}
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	var s Sessions
	at := now()
	for i := range 3 * maxSessions {
		s.put(keptSession{key: sessionKey{byte(i % (2 * maxSessions))}, since: at})
	}
	if len(s.kept) != maxSessions {
		t.Errorf("%d sessions are kept", len(s.kept))
	}
	if _, ok := s.take(sessionKey{maxSessions - 1}, at); !ok {
		t.Error("the newest is not there")
	}
	if _, ok := s.take(sessionKey{maxSessions - 1}, at); ok {
		t.Error("taken twice")
	}
}

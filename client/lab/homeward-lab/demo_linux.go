package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/lab"
)

// demoLimit is the longest that a demo may take.
const demoLimit = 55 * time.Second

const intranetURL = "http://" + lab.IntranetName + "/"

// story tells each step in plain words, with the time since the beginning.
type story struct {
	start  time.Time
	lab    *lab.Lab
	h      *lab.Homeward
	before lab.Snapshot // of the client, before Homeward did anything
}

func (s *story) tell(format string, args ...any) {
	fmt.Printf("%5.1f s  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// quote prints what a program said, set in.
func quote(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Println("             " + strings.TrimRight(line, "\n"))
	}
}

// demo is the whole story, from nothing to nothing: in a window where there is a
// screen and the program for it, else on the terminal.
func demo() error {
	display := lab.Display()
	if len(display) == 0 {
		return terminalDemo()
	}
	if err := lab.HasDesktop(); err != nil {
		fmt.Println("There is a screen, but no window for it:", err)
		return terminalDemo()
	}
	return windowDemo(display)
}

func terminalDemo() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), demoLimit)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	s := &story{start: time.Now()}
	s.tell("Building a company network in a box: a client, a home router with NAT, the")
	quote("internet, a strongSwan gateway, and an intranet that answers inside only.")
	s.lab, err = lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && s.h != nil {
			fmt.Fprintf(os.Stderr, "\nThe service's log:\n%s\n", s.h.Log())
		}
		err = errors.Join(err, s.lab.Close())
		if err == nil {
			s.tell("Everything is down, and nothing is left behind.")
		}
	}()
	for _, step := range []func(context.Context) error{s.install, s.connect, s.look, s.disconnect} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) install(ctx context.Context) error {
	if _, err := s.lab.Client.Fetch(ctx, intranetURL); err == nil {
		return errors.New("the intranet answers without a tunnel, so the demo would show nothing")
	}
	s.tell("From the client, %s cannot be reached: it is inside.", lab.IntranetName)
	var err error
	if s.before, err = s.lab.Client.Snapshot(ctx); err != nil {
		return err
	}
	if s.h, err = s.lab.InstallHomeward(); err != nil {
		return err
	}
	s.tell("Starting the Homeward service on the client.")
	if err := s.h.Start(ctx); err != nil {
		return err
	}
	samples, err := s.lab.PKI.WriteSamples(s.h.Home)
	if err != nil {
		return err
	}
	s.tell("IT has sent a profile. $ homewardctl import office.mobileconfig")
	return s.ctl(ctx, "", "import", samples[lab.OfficeProfile], "--yes")
}

func (s *story) connect(ctx context.Context) error {
	s.tell("$ homewardctl connect office --user %s --password-stdin", lab.UserName)
	begin := time.Now()
	if err := s.ctl(ctx, lab.UserPassword+"\n", "connect", lab.OfficeProfile, "--user", lab.UserName, "--password-stdin", "--timeout", "20s"); err != nil {
		return err
	}
	s.tell("Connected, in %d ms as the command line sees it.", time.Since(begin).Milliseconds())
	return nil
}

func (s *story) look(ctx context.Context) error {
	page, err := s.lab.Client.Fetch(ctx, intranetURL)
	if err != nil {
		return fmt.Errorf("fetching the intranet's page by its name: %w", err)
	}
	if !strings.HasPrefix(page.Body, lab.IntranetGreeting) {
		return fmt.Errorf("the page at %s is not the intranet's: %q", intranetURL, page.Body)
	}
	s.tell("The intranet opens by its name. $ curl %s", intranetURL)
	quote(page.Body)
	seen, err := s.lab.Client.Fetch(ctx, "http://"+lab.PublicAddress.String()+"/seen")
	if err != nil {
		return fmt.Errorf("reaching the internet through the tunnel: %w", err)
	}
	if got := strings.TrimSpace(seen.Body); got != lab.GatewayAddress.String() {
		return fmt.Errorf("the internet sees the client at %s, not at the gateway's address %s: traffic goes around the tunnel", got, lab.GatewayAddress)
	}
	s.tell("All other traffic goes through the company too: the internet sees %s,", lab.GatewayAddress)
	quote("the gateway, where it saw " + lab.RouterOutside.String() + ", the home router, before.")
	s.tell("$ homewardctl status")
	return s.ctl(ctx, "", "status")
}

func (s *story) disconnect(ctx context.Context) error {
	s.tell("$ homewardctl disconnect")
	if err := s.ctl(ctx, "", "disconnect"); err != nil {
		return err
	}
	if _, err := s.lab.Client.Fetch(ctx, intranetURL); err == nil {
		return errors.New("the intranet still answers after the disconnect")
	}
	s.tell("The intranet is out of reach again.")
	return s.leave()
}

// ctl runs homewardctl and quotes what it says.
func (s *story) ctl(ctx context.Context, stdin string, args ...string) error {
	r, err := s.h.Ctl(ctx, stdin, args...)
	if err != nil {
		return err
	}
	quote(r.Stdout)
	if r.Code != 0 {
		return fmt.Errorf("homewardctl %s failed with exit code %d: %s", args[0], r.Code, strings.TrimSpace(r.Stderr))
	}
	return nil
}

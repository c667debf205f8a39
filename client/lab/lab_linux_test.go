package lab

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(tokenVariable) != "" {
		os.Exit(holdLab())
	}
	os.Exit(Main(m, Resolved, Openresolv))
}

// start builds a lab for one test, or skips where the system forbids it.
func start(t *testing.T, o Options) (*Lab, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	l, err := Start(ctx, o)
	forbidden, nameless := (*NotPermittedError)(nil), (*NoNameServiceError)(nil)
	if errors.As(err, &forbidden) || errors.As(err, &nameless) || errors.Is(err, ErrNotInstalled) {
		t.Skip("no lab on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && l.Gateway != nil {
			t.Log("the gateway's log:\n", l.Gateway.Log())
		}
		if err := l.Close(); err != nil {
			t.Error("closing the lab: ", err)
		}
	})
	return l, ctx
}

func TestStrongSwanConnectsThroughTheNAT(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{})
	c, err := l.StartStrongSwanClient(ctx, UserName, UserPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err, "\n", c.Log())
	}
	page, err := l.Client.Fetch(ctx, "http://"+IntranetAddress.String()+"/")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(page.Body, IntranetGreeting) || !strings.Contains(page.Body, "from 10.98.0.") {
		t.Errorf("the intranet's page reads %q, want its greeting and a virtual address", page.Body)
	}
	page, err = l.Client.Fetch(ctx, "http://["+IntranetAddress6.String()+"]/seen")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(page.Body, "fd00:98::") {
		t.Errorf("over IPv6 the intranet sees %q, want a virtual address", page.Body)
	}
	sas, err := l.Gateway.SAs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(sas) != 1 || sas[0].State != "ESTABLISHED" || !sas[0].NAT || sas[0].Remote != RouterOutside.String() ||
		sas[0].Connection != "eap" || len(sas[0].VIPs) != 2 || len(sas[0].Children) != 1 || sas[0].Children[0].BytesIn == 0 {
		t.Errorf("the gateway's SAs are %+v, want one of EAP, behind the NAT, with a child that carried something", sas)
	}
}

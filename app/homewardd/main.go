// Command homewardd is Homeward's service. It runs as root and is the one place
// where the concrete parts are joined: the platform's packages, the tunnel, the
// service and the local API.
//
// It holds no logic of its own beyond flags, wiring and the order in which
// things start and end.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(realMain())
}

func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := command(os.Stdout, os.Stderr).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "homewardd:", sentence(err))
		return 1
	}
	return 0
}

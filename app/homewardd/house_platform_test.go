package main

// platformRules are the rows of platform: one package per service of the operating system. By name.
var platformRules = []rule{
	{
		of:    []string{"./platform/..."},
		tests: true,
		never: map[string]string{
			"./ike/...":    "platform is below the protocol: it carries datagrams and does not read them",
			"./esp/...":    "platform is below the data plane: dataplane declares the interfaces it wants",
			"./client/...": "platform is told, it never asks",
			"./app/...":    "platform is told, it never asks",
		},
	},
	{of: []string{"./platform/alarm"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/canary"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/captive"}, own: nothing, outside: []string{"golang.org/x/sys/...", "github.com/insomniacslk/dhcp/..."}, why: aSystem},
	{of: []string{"./platform/confine"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/dns"}, own: []string{"./platform/ledger"}, outside: []string{"golang.org/x/sys/...", "github.com/godbus/dbus/v5"}, why: aSystem},
	{of: []string{"./platform/killswitch"}, own: nothing, outside: []string{"golang.org/x/sys/...", "github.com/google/nftables/...", "github.com/vishvananda/netlink"}, why: "a policy outlives the process, so it is in no ledger; the kernel is told by netlink, and no program is run"},
	{of: []string{"./platform/killswitch"}, never: map[string]string{"os/exec": "what must hold does not hang on whether a program is installed"}},
	{of: []string{"./platform/ledger"}, own: nothing, outside: []string{"golang.org/x/sys/..."}, why: aSystem},
	{of: []string{"./platform/localsock"}, own: nothing, outside: []string{"golang.org/x/sys/...", "golang.zx2c4.com/wireguard/ipc/namedpipe"}, why: aSystem},
	{of: []string{"./platform/netmon"}, own: nothing, outside: []string{"golang.org/x/sys/...", "github.com/godbus/dbus/v5"}, why: aSystem},
	{of: []string{"./platform/platformtest"}, own: []string{"./platform/dns", "./platform/route"}, behind: []string{"./platform/ledger"}, outside: nothing, why: "fakes know the configurations that they record"},
	{of: []string{"./platform/platformtest"}, never: map[string]string{"testing": "the fakes return errors; only the namespaces belong to one test"}},
	{of: []string{"./platform/platformtest/debian"}, own: nothing, outside: nothing, why: "the lab uses it too"},
	{of: []string{"./platform/platformtest/debian"}, never: map[string]string{"testing": "the lab uses it too, outside any test"}},
	{of: []string{"./platform/platformtest/namespace"}, own: []string{"./platform/platformtest/debian"}, outside: nothing, why: "every package of platform is tested in it"},
	{of: []string{"./platform/route"}, own: []string{"./platform/ledger"}, outside: []string{"golang.org/x/sys/...", "github.com/vishvananda/netlink"}, why: aSystem},
	{of: []string{"./platform/transport"}, own: nothing, outside: []string{"golang.org/x/sys/...", "golang.zx2c4.com/wireguard/conn"}, why: aSystem},
	{of: []string{"./platform/tun"}, own: []string{"./platform/ledger"}, outside: []string{"golang.org/x/sys/...", "golang.zx2c4.com/wireguard/tun", "github.com/vishvananda/netlink"}, why: aSystem},
}

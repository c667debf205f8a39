package main

// appRules are the rows of app: what people start, and what it looks like. By name.
var appRules = []rule{
	{
		of:    []string{"./app/desktop/..."},
		never: map[string]string{"fyne.io/fyne/v2/app": "windows take the fyne.App they are given, so that tests need no display"},
	},
	{
		of:      []string{"./app/homewardctl", "./app/homeward", "./app/attendant", "./app/desktop/...", "./app/viewmodel"},
		own:     []string{"./client/control", "./client/profile/...", "./client/credential/...", "./client/diagnose", "./client/intake", "./assets/...", "./app/attendant", "./app/instance", "./app/desktop/...", "./app/viewmodel"},
		behind:  []string{"./platform/localsock"},
		outside: anything,
		why:     "the user's programs are equals: they speak the local API and nothing else",
		never: map[string]string{
			"./ike/...":           "the user's programs do not carry the protocol",
			"./esp/...":           "the user's programs do not carry the data plane",
			"./platform/...":      "the user's programs change nothing in the system; the socket is client/control's",
			"./client/supervisor": "the service decides; the user's programs show and ask",
			"./client/tunnel":     "the service holds the line; the user's programs show and ask",
			"./client/service":    "the service is another process, behind the local API",
		},
	},
	{
		of:      []string{"./app/viewmodel"},
		own:     []string{"./client/control", "./client/credential", "./client/diagnose", "./client/profile"},
		behind:  []string{"./client/...", "./platform/localsock"},
		outside: nothing,
		why:     "the view model is plain data: whoever calls gives it what is known and draws what it says",
		never:   map[string]string{"os": noIO, "net": noIO, "net/http": noIO, "sync": "nothing runs beside"},
	},
	{
		of:      []string{"./app/homewardd"},
		own:     []string{"./client/...", "./platform/...", "./esp/...", "./ike/..."},
		outside: anything,
		why:     "the service joins everything but the desktop",
		never: map[string]string{
			"./client/credential/...": "secrets stay in the user's programs; the service asks",
			"github.com/zalando/...":  "a keychain belongs to a user, and the service is none",
			"github.com/go-gl/...":    "the service has no windows",
		},
	},
	{
		of:      []string{"./app/instance"},
		own:     []string{"./platform/localsock"},
		outside: []string{"golang.org/x/sys/..."},
		why:     "programs of one session find each other by a socket of the user's own, whatever they are for",
		never: map[string]string{
			"net/http":     "who asks is another start of the same program; there is no more to say",
			"./client/...": "what is handed over is read by who gets it",
		},
	},
	{
		of:      []string{"./assets/..."},
		own:     nothing,
		outside: nothing,
		why:     "icons and translations are data",
	},
}

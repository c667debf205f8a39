package platformtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/homeward-vpn/homeward/"

// forbidden are imports that no file of platform may have, tests included.
var forbidden = map[string]string{
	module + "ike":    "platform is below the protocol: it carries datagrams and does not read them",
	module + "esp":    "platform is below the data plane: dataplane declares the interfaces it wants",
	module + "client": "nothing flows back up: platform is told, it never asks",
	module + "app":    "nothing flows back up: platform is told, it never asks",
	"C":               "everything builds with CGO_ENABLED=0",
}

// outside are the modules that programs' code of each package may use beyond
// the standard library.
var outside = map[string][]string{
	"ledger":                 {"golang.org/x/sys/"},
	"localsock":              {"golang.org/x/sys/", "golang.zx2c4.com/wireguard/ipc/namedpipe"},
	"transport":              {"golang.org/x/sys/", "golang.zx2c4.com/wireguard/conn"},
	"tun":                    {"golang.org/x/sys/", "golang.zx2c4.com/wireguard/tun", "github.com/vishvananda/netlink", module + "platform/ledger"},
	"route":                  {"golang.org/x/sys/", "github.com/vishvananda/netlink", module + "platform/ledger"},
	"dns":                    {"golang.org/x/sys/", "github.com/godbus/dbus/v5", module + "platform/ledger"},
	"platformtest":           {module + "platform/dns", module + "platform/route"},
	"platformtest/debian":    {},
	"platformtest/namespace": {module + "platform/platformtest/debian"},
}

// TestImports reads every file of these packages.
func TestImports(t *testing.T) {
	t.Parallel()
	files := 0
	for dir, allowed := range outside {
		paths, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) == 0 {
			t.Errorf("no files in %s", dir)
		}
		for _, path := range paths {
			files++
			checkFile(t, path, dir, allowed)
		}
	}
	if files < 40 {
		t.Errorf("only %d files were looked at", files)
	}
}

func checkFile(t *testing.T, path, dir string, allowed []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		for bad, reason := range forbidden {
			if name == bad || strings.HasPrefix(name, bad+"/") {
				t.Errorf("%s imports %s: %s", path, name, reason)
			}
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if name == "testing" && dir != "platformtest/namespace" {
			t.Errorf("%s imports testing: it would go into the programs", path)
		}
		external := strings.Contains(strings.SplitN(name, "/", 2)[0], ".")
		if external && !slices.ContainsFunc(allowed, func(a string) bool {
			return name == a || strings.HasSuffix(a, "/") && strings.HasPrefix(name, a)
		}) {
			t.Errorf("%s imports %s: %s may use only %v", path, name, dir, allowed)
		}
	}
}

// TestPackagesAreListed: a new package of these must say what it may import.
func TestPackagesAreListed(t *testing.T) {
	t.Parallel()
	for dir := range outside {
		err := filepath.WalkDir(filepath.Join("..", filepath.FromSlash(dir)), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() || d.Name() == "testdata" {
				return err
			}
			rel, err := filepath.Rel("..", path)
			if _, listed := outside[filepath.ToSlash(rel)]; err == nil && !listed && !strings.Contains(path, "testdata") {
				t.Errorf("package %s is not listed", rel)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

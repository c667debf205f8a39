package lab

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SA is an IKE SA as the gateway tells it (swanctl --list-sas).
type SA struct {
	Connection string // eap, cert or psk
	UniqueID   string
	State      string // ESTABLISHED, ...
	Remote     string // the client's outer address
	RemotePort int
	RemoteID   string
	VIPs       []string
	NAT        bool // the gateway sees the client behind a NAT
	Children   []ChildSA
	Fields     map[string]string // everything else
}

// ChildSA is one of an IKE SA's children.
type ChildSA struct {
	Name     string
	UniqueID string
	State    string // INSTALLED, REKEYED, ...
	SPIIn    string
	SPIOut   string
	BytesIn  uint64
	BytesOut uint64
	Fields   map[string]string
}

// SAs lists the daemon's IKE SAs.
func (c *charon) SAs(ctx context.Context) ([]SA, error) {
	out, err := c.swanctl(ctx, "--list-sas", "--pretty")
	if err != nil {
		return nil, err
	}
	root, err := parseVICI(out)
	if err != nil {
		return nil, fmt.Errorf("lab: reading the list of SAs: %w", err)
	}
	var sas []SA
	for _, event := range root.sections {
		for _, s := range event.sections {
			sas = append(sas, s.sa())
		}
	}
	return sas, nil
}

// viciNode is a section of swanctl's --pretty output.
type viciNode struct {
	name     string
	values   map[string]string
	lists    map[string][]string
	sections []*viciNode
}

func newVICINode(name string) *viciNode {
	return &viciNode{name: name, values: map[string]string{}, lists: map[string][]string{}}
}

// parseVICI reads lines of `name {`, `name = value`, `name = [`, items, `]`
// and `}`.
func parseVICI(text string) (*viciNode, error) {
	stack := []*viciNode{newVICINode("")}
	list := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		top := stack[len(stack)-1]
		key, value, pair := strings.Cut(line, " = ")
		switch {
		case line == "":
		case list != "" && line == "]":
			list = ""
		case list != "":
			top.lists[list] = append(top.lists[list], line)
		case line == "}":
			if len(stack) == 1 {
				return nil, fmt.Errorf("a section ends that never began: %q", text)
			}
			stack = stack[:len(stack)-1]
		case strings.HasSuffix(line, " {"):
			n := newVICINode(strings.TrimSuffix(line, " {"))
			top.sections = append(top.sections, n)
			stack = append(stack, n)
		case pair && value == "[":
			list = key
		case pair:
			top.values[key] = value
		}
	}
	return stack[0], lines.Err()
}

func (n *viciNode) section(name string) *viciNode {
	for _, s := range n.sections {
		if s.name == name {
			return s
		}
	}
	return newVICINode(name)
}

func (n *viciNode) number(name string) uint64 {
	v, err := strconv.ParseUint(n.values[name], 10, 64)
	if err != nil {
		return 0 // an absent counter is zero
	}
	return v
}

func (n *viciNode) sa() SA {
	s := SA{
		Connection: n.name, UniqueID: n.values["uniqueid"], State: n.values["state"],
		Remote: n.values["remote-host"], RemotePort: int(n.number("remote-port")), RemoteID: n.values["remote-id"],
		VIPs: n.lists["remote-vips"], NAT: n.values["nat-remote"] == "yes", Fields: n.values,
	}
	for _, c := range n.section("child-sas").sections {
		s.Children = append(s.Children, ChildSA{
			Name: c.values["name"], UniqueID: c.values["uniqueid"], State: c.values["state"],
			SPIIn: c.values["spi-in"], SPIOut: c.values["spi-out"],
			BytesIn: c.number("bytes-in"), BytesOut: c.number("bytes-out"), Fields: c.values,
		})
	}
	return s
}

// RekeyIKE has the gateway rekey every IKE SA, in the background.
func (c *charon) RekeyIKE(ctx context.Context) error {
	return c.eachConnection(ctx, func(name string) error {
		_, err := c.swanctl(ctx, "--rekey", "--ike", name)
		return err
	})
}

// RekeyChild has the gateway rekey every Child SA named net, in the background.
func (c *charon) RekeyChild(ctx context.Context) error { return c.RekeyChildren(ctx, "net") }

// RekeyChildren is RekeyChild for Child SAs of other names.
func (c *charon) RekeyChildren(ctx context.Context, children ...string) error {
	return c.eachConnection(ctx, func(name string) error {
		for _, child := range children {
			if _, err := c.swanctl(ctx, "--rekey", "--child", child, "--ike", name); err != nil {
				return err
			}
		}
		return nil
	})
}

// Terminate has the gateway delete every IKE SA and waits for the answers.
func (c *charon) Terminate(ctx context.Context) error {
	return c.eachConnection(ctx, func(name string) error {
		_, err := c.swanctl(ctx, "--terminate", "--ike", name)
		return err
	})
}

// Redirect tells the clients of every IKE SA to go to another gateway, given by
// address or name (RFC 5685 5).
func (c *charon) Redirect(ctx context.Context, to string) error {
	return c.eachConnection(ctx, func(name string) error {
		_, err := c.swanctl(ctx, "--redirect", "--ike", name, "--gateway", to)
		return err
	})
}

// eachConnection calls f once per connection name that has an SA.
func (c *charon) eachConnection(ctx context.Context, f func(name string) error) error {
	sas, err := c.SAs(ctx)
	if err != nil {
		return err
	}
	if len(sas) == 0 {
		return fmt.Errorf("lab: the gateway has no SA")
	}
	done := map[string]bool{}
	for _, s := range sas {
		if done[s.Connection] {
			continue
		}
		done[s.Connection] = true
		if err := f(s.Connection); err != nil {
			return err
		}
	}
	return nil
}

// WaitSAs waits until the gateway's SAs satisfy the condition.
func (c *charon) WaitSAs(ctx context.Context, what string, condition func([]SA) bool) error {
	return until(ctx, 50*time.Millisecond, what, func() (bool, error) {
		sas, err := c.SAs(ctx)
		return err == nil && condition(sas), err
	})
}

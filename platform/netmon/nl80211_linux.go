package netmon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// The kernel's own word on radios is nl80211, a family of generic netlink: which
// interface is associated with which Wi-Fi, and when that changes. NetworkManager
// and wpa_supplicant are not asked, so it is the same with each of them.
//
//	CTRL_CMD_GETFAMILY "nl80211"    -> the family's number and its groups
//	NL80211_CMD_GET_INTERFACE, dump -> interface index and SSID, message by message
//	group "mlme"                    -> connect, roam, disconnect
//
// A machine without a radio has no such family.

// Of linux/genetlink.h and linux/nl80211.h.
const (
	genericHeader = 4 // command, version, two octets of nothing

	radioFamily       = "nl80211"
	radioGroup        = "mlme"
	radioGetInterface = 5
	radioRoam         = 47
	radioDisconnect   = 48
	radioConnect      = 46
	radioIndex        = 3
	radioSSID         = 52

	// longestSSID is what an SSID may be (IEEE 802.11).
	longestSSID = 32
)

// radioNumbers are what this kernel calls the family and its group.
type radioNumbers struct {
	family uint16
	group  int
}

// errNoRadio says that there is no family of that name.
var errNoRadio = errors.New("netmon: this machine has no radio")

// findRadios asks for the numbers.
func findRadios() (radioNumbers, error) {
	body := []byte{unix.CTRL_CMD_GETFAMILY, 1, 0, 0}
	body = appendAttribute(body, unix.CTRL_ATTR_FAMILY_NAME, []byte(radioFamily+"\x00"))
	answer, err := list(unix.NETLINK_GENERIC, unix.GENL_ID_CTRL, 0, body)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return radioNumbers{}, errNoRadio
	}
	if err != nil {
		return radioNumbers{}, err
	}
	for _, m := range answer {
		if n, ok := readFamily(m.data); ok {
			return n, nil
		}
	}
	return radioNumbers{}, errNoRadio
}

// readFamily reads CTRL_CMD_NEWFAMILY.
func readFamily(data []byte) (n radioNumbers, ok bool) {
	if len(data) < genericHeader || data[0] != unix.CTRL_CMD_NEWFAMILY {
		return n, false
	}
	attrs := attributes(data[genericHeader:])
	if id := attrs[unix.CTRL_ATTR_FAMILY_ID]; len(id) == 2 {
		n.family = binary.NativeEndian.Uint16([]byte(id))
	}
	for _, raw := range attributes([]byte(attrs[unix.CTRL_ATTR_MCAST_GROUPS])) {
		group := attributes([]byte(raw))
		if id, ok := number(group[unix.CTRL_ATTR_MCAST_GRP_ID]); ok && text(group[unix.CTRL_ATTR_MCAST_GRP_NAME]) == radioGroup {
			n.group = int(id)
		}
	}
	return n, n.family != 0
}

// ssids reads the names of the Wi-Fis that this machine is associated with, by the
// index of the link.
func ssids() (map[int]string, error) {
	radios, err := findRadios()
	if errors.Is(err, errNoRadio) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	answer, err := list(unix.NETLINK_GENERIC, radios.family, unix.NLM_F_DUMP, []byte{radioGetInterface, 0, 0, 0})
	if err != nil {
		return nil, err
	}
	return readSSIDs(answer), nil
}

// readSSIDs reads NL80211_CMD_NEW_INTERFACE.
func readSSIDs(answer []message) map[int]string {
	names := map[int]string{}
	for _, m := range answer {
		if len(m.data) < genericHeader {
			continue
		}
		attrs := attributes(m.data[genericHeader:])
		index, ok := number(attrs[radioIndex])
		if name := attrs[radioSSID]; ok && name != "" && len(name) <= longestSSID {
			names[int(int32(index))] = name
		}
	}
	return names
}

// radios listens to what they do.
type radios struct {
	file *os.File
	buf  []byte
}

// openRadios joins the group; nil without an error: there is no radio. One that is
// plugged in later is told as a link.
func openRadios() (*radios, error) {
	numbers, err := findRadios()
	if errors.Is(err, errNoRadio) || err == nil && numbers.group == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("netmon: a netlink socket: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, numbers.group)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netmon: joining the radios' group: %w", err), unix.Close(fd))
	}
	return &radios{file: os.NewFile(uintptr(fd), "nl80211"), buf: make([]byte, maxMessages)}, nil
}

func (r *radios) next() (news, error) {
	n, err := r.file.Read(r.buf)
	if errors.Is(err, unix.ENOBUFS) {
		return news{kinds: Wireless}, nil
	}
	if err != nil {
		return news{}, fmt.Errorf("netmon: reading what radios do: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(r.buf[:n])
	if err != nil || slices.ContainsFunc(messages, func(m syscall.NetlinkMessage) bool { return associates(m.Data) }) {
		return news{kinds: Wireless}, nil
	}
	return news{}, nil
}

func (r *radios) close() error { return r.file.Close() }

// associates says whether a message of the group changes the Wi-Fi in use: scans
// and frames of management come there too.
func associates(data []byte) bool {
	return len(data) >= genericHeader && slices.Contains([]byte{radioConnect, radioRoam, radioDisconnect}, data[0])
}

// appendAttribute appends an attribute, padded.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&(unix.NLA_ALIGNTO-1))...)
}

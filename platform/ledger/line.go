package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

// record is one live entry.
type record struct {
	ID   ID
	Kind string
	Data json.RawMessage
}

// line is one line of the file: a record, or the striking out of one.
type line struct {
	ID     ID              `json:"id,omitempty"`
	Kind   string          `json:"kind,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Forget ID              `json:"forget,omitempty"`
}

// encode returns the line as it stands in the file: a CRC-32 in hex, a space,
// the JSON, a newline. The sum tells a line that reached the disk whole from
// one whose blocks a power cut left half written.
func (n line) encode() ([]byte, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(make([]byte, 0, len(body)+10), "%08x ", crc32.ChecksumIEEE(body))
	return append(append(out, body...), '\n'), nil
}

// decode reads one line without its newline.
func decode(b []byte) (line, error) {
	var n line
	if len(b) < 9 || b[8] != ' ' {
		return n, fmt.Errorf("line has no checksum")
	}
	sum, err := strconv.ParseUint(string(b[:8]), 16, 32)
	if err != nil {
		return n, fmt.Errorf("line has no checksum: %w", err)
	}
	if crc32.ChecksumIEEE(b[9:]) != uint32(sum) {
		return n, fmt.Errorf("checksum does not match")
	}
	if err := json.Unmarshal(b[9:], &n); err != nil {
		return n, err
	}
	if (n.ID == 0) == (n.Forget == 0) {
		return n, fmt.Errorf("line is neither a record nor a forget")
	}
	return n, nil
}

// contents is what a ledger file says.
type contents struct {
	live []record
	next ID
	dead int
	size int64 // bytes up to the end of the last whole line
}

// parse reads a whole file. A bad last line is torn and ignored; a bad line
// with good ones behind it is damage, which is reported rather than guessed at.
func parse(raw []byte) (contents, error) {
	c := contents{next: 1}
	for number, rest := 1, raw; len(rest) > 0; number++ {
		text, tail, whole := bytes.Cut(rest, []byte("\n"))
		n, err := decode(text)
		if !whole || err != nil {
			if anyWhole(tail) {
				return c, &DamagedError{Line: number, Err: err}
			}
			return c, nil
		}
		c.apply(n)
		c.size += int64(len(text)) + 1
		rest = tail
	}
	return c, nil
}

// anyWhole tells whether a valid line stands in b.
func anyWhole(b []byte) bool {
	for text := range bytes.SplitSeq(b, []byte("\n")) {
		if _, err := decode(text); err == nil {
			return true
		}
	}
	return false
}

func (c *contents) apply(n line) {
	if n.ID != 0 {
		c.live = append(c.live, record{ID: n.ID, Kind: n.Kind, Data: n.Data})
		c.next = max(c.next, n.ID+1)
		return
	}
	c.dead++
	at := slices.IndexFunc(c.live, func(r record) bool { return r.ID == n.Forget })
	if at >= 0 {
		c.live = slices.Delete(c.live, at, at+1)
		c.dead++
	}
}

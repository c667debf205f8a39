package mobileconfig

import "bytes"

// Sniff says that data looks like a configuration profile, or like the
// signature around one. It looks at the beginning only; Parse has the last
// word.
func Sniff(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	if looksLikeCMS(data) || isBinary(data) {
		return true
	}
	head, err := toUTF8(evenHead(data, 8192))
	if err != nil {
		return false
	}
	return rootElement(head) == "plist"
}

// evenHead cuts data after at most n bytes, n even, and in front of a UTF-8
// character that would be cut in two.
func evenHead(data []byte, n int) []byte {
	if len(data) <= n {
		return data
	}
	for i := 0; i < 4; i++ {
		if data[n]&0xC0 != 0x80 || data[0] == 0xFF || data[0] == 0xFE {
			break
		}
		n--
	}
	return data[:n]
}

// rootElement gives the name of an XML document's first element, without its
// prefix, or "".
func rootElement(text []byte) string {
	for {
		text = bytes.TrimLeft(text, " \t\r\n")
		var end string
		switch {
		case bytes.HasPrefix(text, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(text, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(text, []byte("<!")):
			end = ">"
		case bytes.HasPrefix(text, []byte("<")):
			name := text[1:]
			if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
				name = name[:i]
			}
			if i := bytes.LastIndexByte(name, ':'); i >= 0 {
				name = name[i+1:]
			}
			return string(name)
		default:
			return ""
		}
		_, rest, found := bytes.Cut(text, []byte(end))
		if !found {
			return ""
		}
		text = rest
	}
}

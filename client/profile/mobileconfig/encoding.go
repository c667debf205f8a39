package mobileconfig

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/profile"
)

// parsePlist reads a property list in either encoding.
func parsePlist(data []byte) (*value, error) {
	if bytes.HasPrefix(data, []byte(binaryMagic)) {
		return parseBinary(data)
	}
	text, err := toUTF8(data)
	if err != nil {
		return nil, err
	}
	switch trimmed := bytes.TrimSpace(text); {
	case len(trimmed) == 0:
		return nil, profile.NewImportError(profile.ImportDamaged, "the file is empty")
	case trimmed[0] != '<':
		return nil, profile.NewImportError(profile.ImportForeign, "the file is not a configuration profile")
	}
	return parseXML(text)
}

// toUTF8 gives the text of an XML file without its byte order mark. UTF-16 is
// recognised by the mark, or without one by the zero in its first character
// (XML 1.0 appendix F: the first character of a document is "<" or a space).
// A one-byte encoding other than UTF-8 is read as Latin-1, which is what such
// files declare.
func toUTF8(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return fromUTF16(data[2:], binary.BigEndian)
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		return fromUTF16(data[2:], binary.LittleEndian)
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		return fromUTF16(data, binary.BigEndian)
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		return fromUTF16(data, binary.LittleEndian)
	}
	if utf8.Valid(data) {
		return data, nil
	}
	if declaresLatin1(data) {
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		return []byte(string(runes)), nil
	}
	return nil, damaged("the file is damaged: its text is not valid UTF-8")
}

func declaresLatin1(data []byte) bool {
	head := bytes.ToLower(data[:min(len(data), 200)])
	end := bytes.Index(head, []byte("?>"))
	if end < 0 {
		return false
	}
	return bytes.Contains(head[:end], []byte("iso-8859-1")) || bytes.Contains(head[:end], []byte("windows-1252"))
}

func fromUTF16(data []byte, order binary.ByteOrder) ([]byte, error) {
	if len(data)%2 != 0 {
		return nil, damaged("the file is damaged: its UTF-16 text ends inside a character")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}

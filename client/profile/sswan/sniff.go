package sswan

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Sniff says whether data looks like a profile of strongSwan's app: a JSON object
// that says a gateway under remote, or a type of its own, however it goes on.
func Sniff(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	depth, key, top := 0, true, ""
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		text, isText := t.(string)
		switch {
		case t == json.Delim('{') || t == json.Delim('['):
			depth++
		case t == json.Delim('}') || t == json.Delim(']'):
			if depth--; depth < 0 {
				return false
			}
		case depth == 0 && key && isText:
			top, key = text, false
			continue
		case depth == 0 && top == "type" && isText && strings.HasPrefix(text, typePrefix):
			return true
		case depth == 1 && top == "remote" && isText && text == "addr":
			return true
		}
		if depth == 0 {
			key = true
		}
	}
}

// looksLike says the same of a file that was read whole.
func looksLike(root *value) bool {
	return root.at("remote.addr") != nil || strings.HasPrefix(root.at("type").asText(), typePrefix)
}

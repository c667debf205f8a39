package mobileconfig

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"
)

// keyed is a dictionary with its keys in order. Its values are string, int, []byte,
// []string, []any and keyed.
type keyed []entry

type entry struct {
	key   string
	value any
}

// set gives a key its value, in place of another one.
func (d *keyed) set(key string, value any) {
	for i := range *d {
		if (*d)[i].key == key {
			(*d)[i].value = value
			return
		}
	}
	*d = append(*d, entry{key, value})
}

// setText sets a key where there is a text.
func (d *keyed) setText(key, text string) {
	if text != "" {
		d.set(key, text)
	}
}

// setFlag sets a switch where it is on. Apple's are integers.
func (d *keyed) setFlag(key string, on bool) {
	if on {
		d.set(key, 1)
	}
}

// setList sets a list where there is something in it.
func (d *keyed) setList(key string, list []string) {
	if len(list) > 0 {
		d.set(key, list)
	}
}

const (
	plistHead = xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n<plist version=\"1.0\">\n"
	plistTail = "</plist>\n"
)

// document writes the property list whose root is d.
func (d keyed) document() []byte {
	b := bytes.NewBufferString(plistHead)
	writeValue(b, d, "")
	b.WriteString(plistTail)
	return b.Bytes()
}

func writeValue(b *bytes.Buffer, value any, indent string) {
	switch v := value.(type) {
	case string:
		fmt.Fprintf(b, "%s<string>%s</string>\n", indent, escaped(v))
	case int:
		fmt.Fprintf(b, "%s<integer>%d</integer>\n", indent, v)
	case []byte:
		fmt.Fprintf(b, "%s<data>\n", indent)
		for text := base64.StdEncoding.EncodeToString(v); text != ""; {
			line := text[:min(len(text), 64)]
			text = text[len(line):]
			fmt.Fprintf(b, "%s%s\n", indent, line)
		}
		fmt.Fprintf(b, "%s</data>\n", indent)
	case []string:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = e
		}
		writeValue(b, list, indent)
	case []any:
		fmt.Fprintf(b, "%s<array>\n", indent)
		for _, e := range v {
			writeValue(b, e, indent+"\t")
		}
		fmt.Fprintf(b, "%s</array>\n", indent)
	case keyed:
		fmt.Fprintf(b, "%s<dict>\n", indent)
		for _, e := range v {
			fmt.Fprintf(b, "%s\t<key>%s</key>\n", indent, escaped(e.key))
			writeValue(b, e.value, indent+"\t")
		}
		fmt.Fprintf(b, "%s</dict>\n", indent)
	}
}

// escaped writes text for XML. Profiles hold only what prints, so that nothing of
// it is lost.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

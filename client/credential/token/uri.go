package token

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// uri is a PKCS#11 URI (RFC 7512): what is there must be so, what is not is open.
type uri struct {
	path       map[string]string // attributes of the path, decoded
	modulePath string
	moduleName string
}

// The attributes that are understood. One that is not would name something else
// than the administrator meant (RFC 7512 2.3).
var (
	pathAttributes = map[string]bool{
		"token": true, "manufacturer": true, "serial": true, "model": true, "object": true, "type": true, "id": true,
		"slot-id": true, "slot-description": true, "slot-manufacturer": true,
	}
	queryAttributes = map[string]bool{"module-name": true, "module-path": true}
)

var errURI = errors.New("not a PKCS#11 URI as RFC 7512 has it")

const maxURI = 4096

// parseURI reads a URI; "" matches everything.
func parseURI(text string) (uri, error) {
	u := uri{path: map[string]string{}}
	if text == "" {
		return u, nil
	}
	rest, ok := strings.CutPrefix(text, "pkcs11:")
	if !ok || len(text) > maxURI {
		return uri{}, errURI
	}
	path, query, _ := strings.Cut(rest, "?")
	if err := attributes(path, ";", pathAttributes, u.path); err != nil {
		return uri{}, err
	}
	more := map[string]string{}
	if err := attributes(query, "&", queryAttributes, more); err != nil {
		return uri{}, err
	}
	u.modulePath, u.moduleName = more["module-path"], more["module-name"]
	switch u.path["type"] {
	case "", "cert", "private":
	default:
		return uri{}, errURI
	}
	return u, nil
}

func attributes(text, separator string, known map[string]bool, into map[string]string) error {
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, separator) {
		name, value, ok := strings.Cut(part, "=")
		if _, twice := into[name]; !ok || !known[name] || twice {
			return errURI
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return errURI
		}
		into[name] = value
	}
	return nil
}

// has says whether a value that is padded with blanks, as PKCS#11 has them, is what
// the URI wants.
func (u uri) has(name, value string) bool {
	want, ok := u.path[name]
	return !ok || want == strings.TrimRight(value, " \x00")
}

// matchesModule says whether a module's file is meant.
func (u uri) matchesModule(file string) bool {
	if u.modulePath != "" && u.modulePath != file {
		return false
	}
	base := file[strings.LastIndexAny(file, `/\`)+1:]
	name, _, _ := strings.Cut(base, ".")
	return u.moduleName == "" || strings.TrimPrefix(name, "lib") == strings.TrimPrefix(u.moduleName, "lib")
}

func (u uri) matchesSlot(id uint, description, manufacturer string) bool {
	return u.has("slot-id", strconv.FormatUint(uint64(id), 10)) &&
		u.has("slot-description", description) && u.has("slot-manufacturer", manufacturer)
}

func (u uri) matchesToken(label, manufacturer, model, serial string) bool {
	return u.has("token", label) && u.has("manufacturer", manufacturer) && u.has("model", model) && u.has("serial", serial)
}

// matchesObject holds an object against the URI; the ID is octets.
func (u uri) matchesObject(label string, id []byte) bool {
	return u.has("object", label) && u.hasID(id)
}

func (u uri) hasID(id []byte) bool {
	want, ok := u.path["id"]
	return !ok || want == string(id)
}

// namesObject says that one object is meant, and not a whole token.
func (u uri) namesObject() bool { return u.path["object"] != "" || u.path["id"] != "" }

package control

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
)

// API is the version of the calls and types of this package. It grows when an
// older program would misunderstand a newer service, or the other way round.
const API = 1

const (
	headerAPI     = "Homeward-API"
	headerVersion = "Homeward-Version"
)

// version is set by the linker (-X) in release builds.
var version string

// Version names the build of the running program.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

// VersionError says that program and service do not understand each other.
type VersionError struct {
	Service string // the service's version, empty: it is no Homeward service
}

// Error implements error.
func (e *VersionError) Error() string {
	if e.Service == "" {
		return "what answers on the socket is not a Homeward service; check HOMEWARD_SOCKET"
	}
	return fmt.Sprintf("the running Homeward service is version %s and does not fit this program (%s); install both from one release and restart the service", e.Service, Version())
}

// declare writes this side's version to a message.
func declare(h http.Header) {
	h.Set(headerAPI, strconv.Itoa(API))
	h.Set(headerVersion, Version())
}

// understands says whether a message comes from the same version of the API.
func understands(h http.Header) bool { return h.Get(headerAPI) == strconv.Itoa(API) }

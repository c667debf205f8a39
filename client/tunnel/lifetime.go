package tunnel

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/ike"
)

// Lifetimes by traffic (RFC 7296 2.8): the plane counts, and says when an SA is worn;
// the session replaces it. Lifetimes by time are the session's own affair.

// wornSA is a Child SA that should be replaced.
type wornSA struct {
	inboundSPI uint32
	why        esp.Wear
}

// wearing takes word from the plane's goroutines of an SA that is worn.
func (l *line) wearing(inboundSPI uint32, why esp.Wear) {
	select {
	case l.worn <- wornSA{inboundSPI, why}:
	default: // full of others: one of them is the SA in use
	}
}

// replace has the session of a worn Child SA rekey it.
func (l *line) replace(sa wornSA) error {
	l.log.Info("an SA has carried its share and is replaced",
		"spi", fmt.Sprintf("%08x", sa.inboundSPI), "limit", string(sa.why))
	return l.session.Do(time.Now(), ike.RekeyChild{InboundSPI: sa.inboundSPI})
}

// lifetimes gives the limits of a new Child SA's directions. The profile names the
// end; the warning comes when 80 to 90 percent are used, drawn for each SA, so that
// the clients of a gateway do not rekey together and there is time for it.
func lifetimes(sa *profile.SA) (soft, hard esp.Lifetime, err error) {
	hard = esp.Lifetime{Packets: sa.LifetimePackets, Octets: sa.LifetimeBytes}
	if soft.Packets, err = soften(hard.Packets); err != nil {
		return soft, hard, err
	}
	soft.Octets, err = soften(hard.Octets)
	return soft, hard, err
}

// soften draws 80 to 90 percent of a limit. 0 stays 0.
func soften(limit uint64) (uint64, error) {
	var b [2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	part := uint64(binary.BigEndian.Uint16(b[:]))
	return limit/10*8 + limit/10*part>>16, nil
}

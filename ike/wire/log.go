package wire

import (
	"log/slog"
	"strconv"
	"strings"
)

// LogValue implements slog.LogValuer: who, which exchange, and the payloads by
// name and length. No content of a payload is logged, so nothing secret is.
func (m *Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("initiator_spi", m.InitiatorSPI.String()),
		slog.String("responder_spi", m.ResponderSPI.String()),
		slog.String("exchange", m.Exchange.String()),
		slog.Bool("response", m.Response()),
		slog.Uint64("message_id", uint64(m.MessageID)),
		slog.String("payloads", Describe(m.Payloads)),
	)
}

// Describe lists payloads for logs and transcripts, each with the length of
// its body in octets: "SA(44) KE(72) Nonce(32) N(COOKIE)(24)".
func Describe(payloads []Payload) string {
	var sb strings.Builder
	for i, p := range payloads {
		if i > 0 {
			sb.WriteByte(' ')
		}
		sb.WriteString(p.Type().String())
		if n, ok := p.(*NotifyPayload); ok {
			sb.WriteString("(" + n.NotifyType.String() + ")")
		}
		sb.WriteString("(" + strconv.Itoa(len(p.AppendBody(nil))) + ")")
	}
	return sb.String()
}

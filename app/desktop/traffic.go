package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// trafficCard is the graph and the amounts above it.
type trafficCard struct {
	received, sent, span, peak *text
	graph                      *graph
	box                        *fyne.Container
}

func newTrafficCard() *trafficCard {
	t := &trafficCard{
		received: oneLine(lookSmall, ""), sent: oneLine(lookSmall, ""), span: oneLine(lookSmall, ""), peak: oneLine(lookSmall, ""),
		graph: newGraph(),
	}
	amounts := flow(20, legend(false, t.received), legend(true, t.sent))
	top := column(2, flowEnd(0, t.peak), newRule())
	t.box = newCard(column(gapTight, spread(amounts, t.span), column(2, top, t.graph)))
	return t
}

// Set shows the newest sample.
func (t *trafficCard) Set(v *viewmodel.Traffic) {
	if v == nil {
		return
	}
	t.received.Set(v.Received)
	t.sent.Set(v.Sent)
	t.span.Set(v.Span)
	t.peak.Set(v.Peak)
	t.graph.Set(v.Points)
}

// legend is the line that stands for an amount in the graph, and the amount.
func legend(dotted bool, amount *text) *fyne.Container {
	return marked(newStroke(dotted), amount)
}

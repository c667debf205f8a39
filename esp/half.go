package esp

// half is what both directions of an SA consist of: its name, what it may carry
// and how that is protected.
type half struct {
	spi       uint32
	esn       bool
	transform transform
	src, dst  selectorSet

	// What each packet needs of the transform, looked up once.
	ivLen, icvLen, block int
}

func newHalf(c *Config) (half, error) {
	if err := c.validate(); err != nil {
		return half{}, err
	}
	src, err := newSelectorSet("source", c.Source)
	if err != nil {
		return half{}, err
	}
	dst, err := newSelectorSet("destination", c.Destination)
	if err != nil {
		return half{}, err
	}
	t, err := newTransform(c)
	if err != nil {
		return half{}, err
	}
	h := half{spi: c.SPI, esn: c.ESN, transform: t, src: src, dst: dst}
	h.ivLen, h.icvLen, h.block = t.sizes()
	return h, nil
}

package netmon

// open begins to listen to everything that tells. Without links and routes there
// is no watch; without one of the others there is, and the log says what is not
// noticed at once.
func open(c Config) (system, error) {
	routes, err := openRoutes(c.OwnTable)
	if err != nil {
		return system{}, err
	}
	s := system{look: look, sources: []namedSource{{routes, "links, addresses and routes"}}}
	for _, more := range []struct {
		of   string
		open func() (source, error)
	}{
		{"the wall clock", func() (source, error) { return orNone(openWallTimer()) }},
		{"being stopped", func() (source, error) { return openContinued(), nil }},
		{"name servers", func() (source, error) { return orNone(openFiles(nameFiles, c.Names, c.Logger)) }},
		{"the system's bus", func() (source, error) { return orNone(openBus(c)) }},
		{"radios", func() (source, error) { return orNone(openRadios()) }},
	} {
		src, err := more.open()
		if err != nil {
			c.Logger.Warn("changes of the network are not told at once", "of", more.of, "error", err)
		}
		if src != nil {
			s.sources = append(s.sources, namedSource{src, more.of})
		}
	}
	return s, nil
}

// orNone keeps a pointer that is nil from becoming a source that is not.
func orNone[S any, P interface {
	*S
	source
}](p P, err error) (source, error) {
	if p == nil {
		return nil, err
	}
	return p, err
}

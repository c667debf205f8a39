package netmon

// ssids reads the names of the Wi-Fis that this machine is associated with, by the
// index of the link.
func ssids() (map[int]string, error) { return nil, nil }

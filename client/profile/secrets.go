package profile

// Secrets is what an importer found in a file beside the model: it goes into
// the user's sealed store under the profile's ID and never to the service.
type Secrets struct {
	Password   []byte // EAP password, nil: none
	PSK        []byte // shared key, nil: none
	PrivateKey []byte // PKCS#8 DER of the client certificate's key, nil: none
}

// String hides everything: a Secrets in a log line prints "redacted".
func (Secrets) String() string { return "redacted" }

// GoString hides everything from %#v too.
func (Secrets) GoString() string { return "redacted" }

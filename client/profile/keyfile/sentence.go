package keyfile

import (
	"errors"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The refusals beside those of an Identity.
var (
	errEmpty     = errors.New("it is empty")
	errUnknown   = errors.New("it is neither PEM, DER nor PKCS#12")
	errMany      = errors.New("it holds more keys or certificates than a person has")
	errOldCipher = errors.New("a key under the old encryption of PEM")
	errOpenSSH   = errors.New("a key of OpenSSH")
	errPKCS7     = errors.New("a PKCS#7 bundle")
)

// explain puts what is wrong with a file into a sentence.
func (r *reader) explain(f File, err error) error {
	var known *profile.ImportError
	if errors.As(err, &known) {
		return known
	}
	problem, format := profile.ImportDamaged, ""
	switch {
	case errors.Is(err, ErrPassword):
		problem, format = profile.ImportPassword, "%s was not opened, because its password is missing or wrong; ask whoever made the file for it"
	case errors.Is(err, ErrCostly):
		format = "%s was not opened, because opening it takes longer than any real file does; ask for another one"
	case errors.Is(err, ErrNoKey) && len(r.certs) > 0:
		problem, format = profile.ImportIncomplete, "%s holds a certificate without private key; give the file with the key as well, or a .p12 file that holds both"
	case errors.Is(err, ErrNoKey):
		problem, format = profile.ImportIncomplete, "%s holds no private key and no certificate; give the .p12 file, or the files with both"
	case errors.Is(err, ErrNoCertificate):
		problem, format = profile.ImportIncomplete, "%s holds a private key without its certificate; give the file with the certificate as well"
	case errors.Is(err, ErrForeign):
		problem, format = profile.ImportIncomplete, "the private key in %s does not belong to any certificate that was given; give the certificate that was issued for it"
	case errors.Is(err, errEmpty):
		format = "%s is empty; get the file once more"
	case errors.Is(err, errUnknown):
		problem, format = profile.ImportForeign, "%s is no file of a key or certificate that this version knows (PKCS#12, PEM or DER); ask for a .p12 file"
	case errors.Is(err, errMany):
		problem, format = profile.ImportTooLarge, "%s holds more keys or certificates than a person has; give the file that is meant for you"
	case errors.Is(err, errScheme):
		problem, format = profile.ImportUnsupported, "the private key in %s is encrypted in a way that this version does not read; convert it with «openssl pkcs8 -topk8 -in OLD -out NEW»"
	case errors.Is(err, errOldCipher):
		problem, format = profile.ImportUnsupported, "the private key in %s is encrypted in an old way that is not safe; convert it with «openssl pkcs8 -topk8 -in OLD -out NEW»"
	case errors.Is(err, errOpenSSH):
		problem, format = profile.ImportUnsupported, "%s holds a key of OpenSSH, which no gateway takes; give the key that your certificate was issued for"
	case errors.Is(err, errPKCS7):
		problem, format = profile.ImportUnsupported, "%s is a PKCS#7 bundle of certificates; convert it with «openssl pkcs7 -print_certs -in OLD -out NEW»"
	}
	if format == "" {
		e := profile.NewImportError(problem, "%s cannot be read: %s", shown(f), profile.CleanText(err.Error(), 2*maxShown))
		e.Err = err
		return e
	}
	e := profile.NewImportError(problem, format, shown(f))
	e.Err = err
	return e
}

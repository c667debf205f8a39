package intake

import (
	"fmt"

	"github.com/homeward-vpn/homeward/client/credential/answer"
)

// ProblemKind says why a file was not taken over, or a profile not removed.
type ProblemKind string

// The kinds.
const (
	KeyMissing   ProblemKind = "key-missing"    // the private key is neither in the file nor here
	KeyOfAnother ProblemKind = "key-of-another" // the one that is kept belongs to another certificate
	KeyUnseen    ProblemKind = "key-unseen"     // whether one is kept cannot be seen
	KeyNotKept   ProblemKind = "key-not-kept"   // the file brings one, and no keychain takes it
	KeptStays    ProblemKind = "kept-stays"     // what is kept for another gateway cannot be deleted

	LaidDown ProblemKind = "laid-down" // of Plan: an administrator has laid the same one down for everybody

	SecretsStay      ProblemKind = "secrets-stay"       // of Remove: nothing was removed
	ProfileStays     ProblemKind = "profile-stays"      // of Remove: the secrets are gone, the profile is not
	SecretsLeftAlone ProblemKind = "secrets-left-alone" // of Remove: the profile is gone, the secrets are not
	SealingKeyStays  ProblemKind = "sealing-key-stays"  // of Remove: all is gone but the key, which opens nothing any more
)

// Problem is why something was not done; its text is a clause for a person. But for the
// last three of the kinds, nothing was changed.
type Problem struct {
	Kind ProblemKind
	ID   string // the profile's, of Remove
	Name string // the profile's
	Err  error  // the reason; nil: the kind says it all
}

// Error implements error.
func (p *Problem) Error() string {
	switch p.Kind {
	case KeyMissing:
		return "this profile signs you in with a certificate, and its private key is neither in the file nor kept here; import the .mobileconfig that holds it, or the certificate with «homewardctl certificate import», and this file then; nothing was changed"
	case KeyOfAnother:
		return "the private key that is kept here does not belong to the certificate in this file; ask your administrator for a .mobileconfig with the new key; nothing was changed"
	case KeyUnseen:
		return fmt.Sprintf("the file does not hold the private key of this profile, and whether one is kept cannot be seen, because %s; nothing was changed", answer.Trouble(p.Err))
	case KeyNotKept:
		return fmt.Sprintf("the private key of this profile can be kept in a keychain only, and %s; nothing was changed", answer.Trouble(p.Err))
	case KeptStays:
		return fmt.Sprintf("what is kept for %s was meant for another gateway and cannot be deleted (%v); nothing was changed", p.Name, p.Err)
	case LaidDown:
		return fmt.Sprintf("%s is laid down by your administrator for everybody on this computer, so that there is nothing to add; connect by it, or ask them to change it", p.Name)
	case SecretsStay:
		return fmt.Sprintf("the secrets of %s could not be deleted (%v); the profile is still there, and so may be the file %s.sealed", p.Name, p.Err, p.ID)
	case ProfileStays:
		return fmt.Sprintf("what was kept for %s is deleted, but not the profile: %v", p.Name, p.Err)
	case SecretsLeftAlone:
		return fmt.Sprintf("the profile is forgotten, but its secrets could not be deleted (%v); delete the file %s.sealed yourself", p.Err, p.ID)
	case SealingKeyStays:
		return fmt.Sprintf("all secrets are deleted, but not the key that sealed them, which opens nothing any more, because %s", answer.Trouble(p.Err))
	default:
		return string(p.Kind)
	}
}

// ForPerson says the same, for whoever shows it.
func (p *Problem) ForPerson() string { return p.Error() }

// Unwrap gives the reason.
func (p *Problem) Unwrap() error { return p.Err }

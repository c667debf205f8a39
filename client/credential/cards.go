package credential

import "errors"

// ErrNoCards says that this program cannot speak to smart cards.
var ErrNoCards = errors.New("this build of Homeward has no smart card support; install one that was built for this computer's own system, with a C compiler")

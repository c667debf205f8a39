// Package attendant is the desktop program without its window: it follows the
// service, performs what the person wants, has the service's questions answered, and
// keeps what the window is made of.
//
// It owns the program's side of the local API: the stream of statuses and its coming
// back when the service was away, one answer.Answerer for each attempt, the wish that
// the status does not show yet, the counters of traffic while the window is shown. It
// draws nothing, chooses no words, and never decides whether a line is wanted.
//
//	client/control: status -> follow -> Input, questions -> credential/answer -> Prompter
//	a click        -> Do -> client/control, client/intake -> Input
//	Input          -> Changed -> whoever draws (app/viewmodel, app/desktop)
//
// Nothing runs while nothing changes and the window is hidden. app/homeward makes it
// and joins it with the window.
package attendant

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/intake"
)

// Service is the service, as far as it is spoken to; *control.Client is one.
type Service interface {
	intake.Service
	answer.Service
	// Attend calls each with every status, and says that questions are answered here.
	Attend(ctx context.Context, each func(control.Status) error) error
	Connect(ctx context.Context, r control.ConnectRequest) (control.Accepted, error)
	Disconnect(ctx context.Context) (control.Accepted, error)
	Renew(ctx context.Context) (control.Accepted, error)
	Settings(ctx context.Context) (control.Settings, error)
	ChangeSettings(ctx context.Context, change control.SettingsChange) (control.Settings, error)
	LookPortal(ctx context.Context) (control.Portal, error)
	Logs(ctx context.Context, follow bool, each func(control.LogEntry) error) error
}

// Store keeps the user's secrets; *credential.Store does.
type Store interface {
	intake.Store
	// SetMode keeps them in another way from now on.
	SetMode(ctx context.Context, mode credential.Mode, passphrase []byte) error
}

// Config is what an Attendant is made from. All but Cards is needed.
type Config struct {
	Service    Service
	OpenStore  func() (Store, error)
	OpenWallet func() (*credential.Wallet, error)
	// Cards are the smart cards of this computer. nil: none are looked for.
	Cards answer.Cards
	// Prompter shows questions to the person.
	Prompter credential.Prompter
	// UID is the user's number; negative: the system has no such number.
	UID int
	// Language is the one that the person has chosen; empty: the system's.
	Language string
	Now      func() time.Time
	Logger   *slog.Logger
}

// Attendant is safe for concurrent use. Run is called once.
type Attendant struct {
	cfg       Config
	intake    *intake.Intake
	questions *questions
	changed   chan struct{}
	// retry has the service called again at once.
	retry chan struct{}
	// paced tells that what the clock goes by has changed.
	paced chan struct{}

	mu    sync.Mutex
	in    viewmodel.Input
	shown bool
	// asking are the questions that wait for the person, oldest first.
	asking []*credential.Prompt
	// until is the revision from which the status shows the wish; 0: not known yet.
	until uint64
	// wishes counts the wishes that are shown, so that an old one does not clear a new
	// one's traces.
	wishes uint64
}

// New makes an Attendant.
func New(cfg Config) *Attendant {
	a := &Attendant{cfg: cfg, changed: make(chan struct{}, 1), retry: make(chan struct{}, 1), paced: make(chan struct{}, 1)}
	a.in = viewmodel.Input{UID: cfg.UID, Version: control.Version(), Language: cfg.Language}
	a.questions = newQuestions(a)
	a.intake = intake.New(intake.Config{
		Service: cfg.Service, OpenStore: func() (intake.Store, error) { return cfg.OpenStore() }, OpenWallet: cfg.OpenWallet, UID: cfg.UID,
	})
	return a
}

// Run follows the service until ctx ends, and returns when nothing runs any more.
func (a *Attendant) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { a.questions.run(ctx) })
	running.Go(func() { a.clock(ctx) })
	a.refreshOwn()
	a.follow(ctx)
}

// Changed tells that there is a new Input. It tells once, however many changes there
// were since it was heard.
func (a *Attendant) Changed() <-chan struct{} { return a.changed }

// Input is everything that is known now. What its slices hold is nobody's to change.
func (a *Attendant) Input() viewmodel.Input {
	a.mu.Lock()
	defer a.mu.Unlock()
	in := a.in
	in.Now = a.cfg.Now()
	return in
}

// update changes the input and tells it.
func (a *Attendant) update(change func(in *viewmodel.Input)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.in)
	a.tell()
}

func (a *Attendant) tell() {
	nudge(a.changed)
	nudge(a.paced)
}

// nudge tells once what is told already.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Show says whether the window is on the screen. Hidden, it is told of changes only.
func (a *Attendant) Show(shown bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shown == shown {
		return
	}
	a.shown = shown
	if shown {
		nudge(a.retry)
	}
	a.tell()
}

// Tray says whether the desktop shows a tray, and whether the person knows already
// that it does not.
func (a *Attendant) Tray(hosted, known bool) {
	a.update(func(in *viewmodel.Input) { in.NoTray = !hosted && !known })
}

// Tell shows the person a sentence.
func (a *Attendant) Tell(sentence string) {
	a.update(func(in *viewmodel.Input) {
		const most = 5 // the newest; what was told is also in the log
		told := append(in.Told[:len(in.Told):len(in.Told)], sentence)
		in.Told = told[max(0, len(told)-most):]
	})
	a.cfg.Logger.Info("the person was told something", "sentence", sentence)
}

// jittered makes programs that have lost the same service not call at the same time.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

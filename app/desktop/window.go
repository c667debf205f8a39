package desktop

import (
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// Page is what the large part of the window shows.
type Page string

// The pages.
const (
	MainPage     Page = "main"
	SettingsPage Page = "settings"
	LogPage      Page = "log"
	EditorPage   Page = "editor"
)

// Config is what the desktop program gives its window.
type Config struct {
	Title string
	// Say gives the texts in the person's language.
	Say viewmodel.Say
	// Do is called with what the person wants, on Fyne's goroutine. It does not wait.
	// Going from page to page is not among it: the window does that itself.
	Do func(viewmodel.Action)
	// OpenFiles takes files that were dropped on the window, by their paths.
	OpenFiles func(paths []string)
	// Opened says which page is shown from now on, before it is drawn: what only that page
	// needs, the log for example, is not fetched before. nil: nobody wants to know.
	Opened func(Page)
	// Raise brings the window to the front, also where it was hidden; nil: as Fyne does.
	Raise func()
	// Now is the time that texts are about; nil: the clock.
	Now func() time.Time
}

// Desktop is the window with everything in it. All of its methods are called
// on Fyne's goroutine.
type Desktop struct {
	app    fyne.App
	config Config
	window fyne.Window

	sidebar *sidebar
	main    *mainPage
	first   *firstPage
	place   *fyne.Container            // where the pages are shown
	pages   map[Page]fyne.CanvasObject // each made and kept by its owner
	page    Page
	view    viewmodel.MainView
	sheets  sheets

	prompter *Prompter
	settings *settingsPage
	log      *logPage
	editor   *editorPage
	portal   *sheet // nil: it is not there
}

// The window's size at first, and the least it can be.
const windowWidth, windowHeight float32 = 920, 700

// New makes the window, hidden.
func New(a fyne.App, c Config) *Desktop {
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Desktop{app: a, config: c, page: MainPage, pages: make(map[Page]fyne.CanvasObject)}
	d.rememberedTexts()
	d.window = a.NewWindow(c.Title)
	d.window.SetPadded(false)
	d.window.SetIcon(AppIcon())
	d.place = stack()
	d.sidebar = newSidebar(d.act, func() { d.main.toggle.Tapped(nil) })
	d.main, d.first = newMainPage(d.act), newFirstPage(d.act)
	d.SetPage(MainPage, d.main.scroll)
	d.window.SetContent(&fyne.Container{
		Layout: windowLayout{},
		Objects: []fyne.CanvasObject{
			newPanel(ColorSidebar, "", 0), newPanel(ColorLine, "", 0),
			d.sidebar.whole, d.place,
		},
	})
	d.window.Resize(fyne.NewSize(windowWidth, windowHeight))
	d.sheets.canvas = d.window.Canvas()
	d.window.Canvas().SetOnTypedKey(d.key)
	d.textKeys()
	d.window.SetOnDropped(d.dropped)
	return d
}

// dropped opens the files that were let go over the window.
func (d *Desktop) dropped(_ fyne.Position, files []fyne.URI) {
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path())
	}
	if len(paths) > 0 && d.config.OpenFiles != nil {
		d.config.OpenFiles(paths)
	}
}

// Show draws what is known now; what is as before is not drawn again.
func (d *Desktop) Show(v viewmodel.MainView) {
	if v.Title != d.view.Title {
		d.window.SetTitle(v.Title)
	}
	d.view = v
	d.sidebar.Show(v.Sidebar)
	if v.Empty != nil {
		d.first.Show(*v.Empty, v.Notices)
		d.SetPage(MainPage, d.first.scroll)
		return
	}
	d.main.Show(v)
	d.SetPage(MainPage, d.main.scroll)
}

// act does what a click means.
func (d *Desktop) act(a viewmodel.Action) {
	switch a.Kind {
	case viewmodel.ActionShowSettings:
		d.Open(SettingsPage)
	case viewmodel.ActionShowLog:
		d.logPage().show()
		d.Open(LogPage)
	case viewmodel.ActionShowMain:
		d.Open(MainPage)
	case viewmodel.ActionTextSize:
		if scale, err := strconv.ParseFloat(a.Value, 64); err == nil {
			d.scaleTexts(scale)
		}
	case viewmodel.ActionSelect:
		d.Open(MainPage)
		d.do(a)
	default:
		d.do(a)
	}
}

// Window is the window itself.
func (d *Desktop) Window() fyne.Window { return d.window }

// SetPage gives a page its content.
func (d *Desktop) SetPage(p Page, content fyne.CanvasObject) {
	d.pages[p] = content
	if p == d.page {
		d.Open(p)
	}
}

// Open shows a page; it stays until another is opened.
func (d *Desktop) Open(p Page) {
	if d.page != p && d.config.Opened != nil {
		d.config.Opened(p)
	}
	content, ok := d.pages[p]
	if !ok {
		return
	}
	d.page = p
	if len(d.place.Objects) != 1 || d.place.Objects[0] != content {
		d.place.Objects = []fyne.CanvasObject{content}
		d.place.Refresh()
	}
}

// Page is the page that is shown.
func (d *Desktop) Page() Page { return d.page }

// windowLayout is: the sidebar's ground and line, the sidebar, the pages. The rest of
// the window has its background without being painted.
type windowLayout struct{}

const sidebarWidth float32 = 248 // at a text scale of 1

// Layout implements fyne.Layout.
func (windowLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	scale := theme.TextSize() / typeScale[theme.SizeNameText]
	w := min(sidebarWidth*scale, max(sidebarWidth, size.Width*0.4))
	ground, line, side, place := objects[0], objects[1], objects[2], objects[3]
	ground.Resize(fyne.NewSize(w, size.Height))
	line.Move(fyne.NewPos(w, 0))
	line.Resize(fyne.NewSize(1, size.Height))
	side.Resize(fyne.NewSize(w, size.Height))
	place.Move(fyne.NewPos(w+1, 0))
	place.Resize(fyne.NewSize(size.Width-w-1, size.Height))
}

// MinSize implements fyne.Layout.
func (windowLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(680, 440) }

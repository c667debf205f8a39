package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch reads the folder again whenever something in it has changed, as the system
// tells, and says so where what counts is another. A change that nobody has taken yet
// stands for those that follow. The channel is closed with ctx.
func (f *Folder) Watch(ctx context.Context) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("provision: watching %s: %w", f.cfg.Dir, err)
	}
	out := make(chan struct{}, 1)
	tell := func() {
		select {
		case out <- struct{}{}:
		default:
		}
	}
	f.arm(w)
	if changed, young := f.read(); changed || young { // since Open
		tell()
	}
	go func() {
		defer close(out)
		defer func() {
			if err := w.Close(); err != nil {
				f.cfg.Logger.Warn("the watch of the administrator's files did not end well", "error", err)
			}
		}()
		f.follow(ctx, w, tell)
	}()
	return out, nil
}

// follow takes the system's word until ctx ends. A burst is one reading; a file that may
// be half written is looked at once more when it should be whole.
func (f *Folder) follow(ctx context.Context, w *fsnotify.Watcher, tell func()) {
	settled := time.NewTimer(f.cfg.Patience) // the first look may have found one half written
	defer settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			if f.concerns(e.Name) {
				settled.Reset(f.cfg.Settle)
			}
		case err, ok := <-w.Errors:
			if !ok {
				return
			}
			f.cfg.Logger.Warn("the system lost changes of the administrator's files, which are read again", "error", err)
			settled.Reset(f.cfg.Settle)
		case <-settled.C:
			f.arm(w)
			changed, young := f.read()
			if changed {
				tell()
			}
			if young {
				settled.Reset(f.cfg.Patience)
			}
		}
	}
}

// arm watches the folders that are there, and what is nearest above where one is not.
// A folder may be another one under the same name by now, so a watch is always made
// anew.
func (f *Folder) arm(w *fsnotify.Watcher) {
	for _, old := range w.WatchList() {
		if err := w.Remove(old); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) {
			f.cfg.Logger.Debug("the watch of a folder did not end well", "folder", old, "error", err)
		}
	}
	for _, dir := range []string{f.cfg.Dir, filepath.Join(f.cfg.Dir, profilesName)} {
		for at := dir; ; at = filepath.Dir(at) {
			err := w.Add(at)
			if err == nil || at == filepath.Dir(at) {
				break
			}
			if !errors.Is(err, os.ErrNotExist) {
				f.cfg.Logger.Warn("a folder of the administrator's is not watched, so its changes count when the service starts again", "folder", at, "error", err)
				break
			}
		}
	}
}

// concerns says whether a change may be about the folder: of what is above it only the
// way to it counts.
func (f *Folder) concerns(name string) bool {
	dir := filepath.Clean(f.cfg.Dir)
	return within(name, dir) || within(dir, name)
}

func within(path, above string) bool {
	return path == above || strings.HasPrefix(path, strings.TrimSuffix(above, string(filepath.Separator))+string(filepath.Separator))
}

package posture

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Put makes p what the machine wants, and returns when that is on the disk.
// Until then what was there before holds, or already p. After an error it is
// not known which; Put may be called again.
func (s *Store) Put(p Posture) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := p.check(); err != nil {
		return err
	}
	before, err := s.get()
	var unreadable *UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return err
	}
	p.Profiled = p.Profiled || before.Profiled || s.profiled()
	return s.put(p)
}

// put writes both files in the order that no crash can make a lock-out of.
func (s *Store) put(p Posture) error {
	if p.Secured() {
		if err := s.write(p); err != nil {
			return err
		}
		return s.raise()
	}
	// The witness goes first: what it stands for is about to end, and must not
	// outlive a state file that says so.
	fell, err := s.fell()
	if err != nil {
		return err
	}
	if err := s.write(p); err != nil {
		if now, rerr := s.get(); fell && (rerr != nil || now.Secured()) {
			err = errors.Join(err, s.raise()) // the state before holds still, and wants its witness back
		}
		return err
	}
	return nil
}

// Mend brings the two files together again: it makes the witness durable that
// a crash has cost, takes away one that nothing asked for, and notes that a
// profile has been stored. Call it when the service starts, and when a profile
// was added. The error may be an *UnreadableError; then nothing is changed.
func (s *Store) Mend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.get()
	if err != nil {
		return err
	}
	if !p.Secured() {
		_, err := s.fell()
		return err
	}
	return s.put(p)
}

// Clear forgets everything: from now on nothing blocks. It needs no room on the
// disk, and does not mind what state the files are in.
func Clear(dir string) error { return (&Store{dir: dir, disk: osDisk{}}).clear() }

func (s *Store) clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.fell()
	if err != nil {
		return err
	}
	for _, name := range []string{fileName, tempName} {
		if err == nil {
			_, err = s.disk.Remove(filepath.Join(s.dir, name))
		}
	}
	if err == nil {
		err = s.disk.SyncDir(s.dir)
	}
	if err != nil {
		return fmt.Errorf("removing the kill switch's state: %w", err)
	}
	return nil
}

// write replaces the state file in one step: after a crash the old one or the
// new one is there, whole.
func (s *Store) write(p Posture) error {
	raw, err := p.encode()
	if err != nil {
		return err
	}
	temp := filepath.Join(s.dir, tempName)
	f, err := s.disk.Create(temp)
	if err != nil {
		return fmt.Errorf("writing the kill switch's state: %w", err)
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.disk.Rename(temp, filepath.Join(s.dir, fileName))
	}
	if err != nil {
		// What is left over may fill the disk; the name is written over anyway.
		_, rerr := s.disk.Remove(temp)
		return fmt.Errorf("writing the kill switch's state: %w", errors.Join(err, rerr))
	}
	if err := s.disk.SyncDir(s.dir); err != nil {
		return fmt.Errorf("making the kill switch's state durable: %w", err)
	}
	return nil
}

// raise puts the witness up. It is empty, so that its name is all there is to lose.
func (s *Store) raise() error {
	path := filepath.Join(s.dir, witnessName)
	standing, err := s.disk.Exists(path)
	if err == nil && !standing {
		var f file
		if f, err = s.disk.Create(path); err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
	}
	if err == nil { // also where it stood: the last try may have failed here
		err = s.disk.SyncDir(s.dir)
	}
	if err != nil {
		return fmt.Errorf("putting up the witness of the kill switch's state: %w", err)
	}
	return nil
}

// fell takes the witness down for good, and says whether it stood.
func (s *Store) fell() (bool, error) {
	stood, err := s.disk.Remove(filepath.Join(s.dir, witnessName))
	if err == nil {
		err = s.disk.SyncDir(s.dir)
	}
	if err != nil {
		return stood, fmt.Errorf("taking down the witness of the kill switch's state: %w", err)
	}
	return stood, nil
}

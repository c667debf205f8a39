package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestWriteFileBesideAnotherProgram: a program that starts, and tidies the directory
// up, does not take away what another is about to write.
func TestWriteFileBesideAnotherProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	done := make(chan struct{})
	var starting sync.WaitGroup
	for range 2 {
		starting.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := PrivateDir(dir); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range 200 {
		if err := WriteFile(filepath.Join(dir, "kept"), fmt.Append(nil, i)); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	close(done)
	starting.Wait()
	if data, err := os.ReadFile(filepath.Join(dir, "kept")); err != nil || string(data) != "199" {
		t.Errorf("%q, %v", data, err)
	}
}

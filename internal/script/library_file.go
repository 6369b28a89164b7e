// SPDX-License-Identifier: BSD-3-Clause

package script

// Libraries gives the texts of the libraries that there are, by their names. Any goroutine may call it; with the world still they are those of
// that instant.
func (m *Machine) Libraries() []string { return m.libraries.set().codes() }

// ClearLibraries removes all libraries. The world must be still, or nobody else at the data.
func (m *Machine) ClearLibraries() { m.publish(nil) }

// LibraryLoad adds libraries that come of a file.
type LibraryLoad struct {
	m       *Machine
	set     *librarySet
	replace bool
	tick    func() error
	box     *sandbox
}

// LoadLibraries begins to add libraries to those that there are; with replace one takes the place of that of its name, which is an error
// otherwise. tick is called every so often, and ends a library that runs for long with its error. Until Publish nobody else may change any.
func (m *Machine) LoadLibraries(replace bool, tick func() error) *LibraryLoad {
	return &LibraryLoad{m: m, set: m.libraries.set().clone(), replace: replace, tick: tick}
}

// CheckLibraries is LoadLibraries for libraries of a file that is only looked at: it takes no account of those that there are, and Publish must
// not be called.
func (m *Machine) CheckLibraries(tick func() error) *LibraryLoad {
	return &LibraryLoad{m: m, set: (*librarySet)(nil).clone(), tick: tick}
}

// Add adds a library with this text. The error says why it cannot be one, or is that of tick.
func (l *LibraryLoad) Add(code string) (err error) {
	if l.box == nil {
		if l.box, err = l.m.newSandbox(forFunctions); err != nil {
			return err
		}
	}
	defer l.box.unreport() // it is no worker's, and soon gone
	made, err := l.box.newLibrary(code, l.set, l.replace, fileLoadTime, l.tick)
	if err == nil {
		err = l.set.put(made, l.replace)
	}
	return err
}

// Publish has everybody see what was added.
func (l *LibraryLoad) Publish() {
	if l.box != nil {
		l.m.publish(l.set)
	}
}

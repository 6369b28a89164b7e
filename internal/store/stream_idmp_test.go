// SPDX-License-Identifier: BSD-3-Clause

package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redpoll/redpoll/internal/mem"
)

// modelMark is what the model knows of an IID.
type modelMark struct {
	iid string
	id  StreamID
}

// idmpModel is a stream's ledger beside maps and slices.
type idmpModel struct {
	t             testing.TB
	rng           *rand.Rand
	db            *DB
	key           string
	duration, max int
	producers     map[string][]modelMark // also such as are past their time
	added, twice  uint64
	next          StreamID
	views         []idmpView
}

// idmpView is a frozen stream and who must be in it.
type idmpView struct {
	f    *Frozen
	want map[string][]modelMark
}

func newIdmpModel(t testing.TB, db *DB, seed uint64) *idmpModel {
	db.v.NowMillis = 1_000_000
	m := &idmpModel{
		t: t, rng: rand.New(rand.NewPCG(seed, 5)), db: db, key: "s", duration: 100, max: 100, producers: map[string][]modelMark{},
	}
	m.append()
	return m
}

func (m *idmpModel) stream() *Stream {
	m.t.Helper()
	s, err := m.db.FindStreamWrite([]byte(m.key))
	if err != nil {
		m.t.Fatal(err)
	}
	return &s
}

// append adds an entry that is called after the time.
func (m *idmpModel) append() StreamID {
	id := StreamID{Ms: uint64(m.db.Now())}
	if !m.next.Less(id) {
		id, _ = m.next.Next()
	}
	m.stream().Append(id, textsOf("f", strings.Repeat("v", m.rng.IntN(100))))
	m.next = id
	return id
}

// living gives the marks of a producer that are not past their time.
func (m *idmpModel) living(marks []modelMark) []modelMark {
	return slices.DeleteFunc(slices.Clone(marks), func(k modelMark) bool {
		return int64(k.id.Ms) <= m.db.Now()-int64(m.duration)*1000
	})
}

func (m *idmpModel) name() string {
	name := fmt.Sprint("producer ", m.rng.IntN(30))
	if m.rng.IntN(10) == 0 {
		name += strings.Repeat("!", m.rng.IntN(3000))
	}
	return name
}

func (m *idmpModel) iid() string {
	iid := fmt.Sprint(m.rng.IntN(60))
	switch m.rng.IntN(6) {
	case 0:
		return iid + "-0123456789-0123456789"
	case 1:
		return iid + strings.Repeat("-", m.rng.IntN(40_000))
	}
	return iid
}

// add is what XADD IDMP does.
func (m *idmpModel) add() {
	name, iid := m.name(), m.iid()
	if len(m.producers) > 0 && m.rng.IntN(4) == 0 {
		names := slices.Sorted(maps.Keys(m.producers))
		name = names[m.rng.IntN(len(names))]
		iid = m.producers[name][m.rng.IntN(len(m.producers[name]))].iid
	}
	s := m.stream()
	known := m.living(m.producers[name])
	at := slices.IndexFunc(known, func(k modelMark) bool { return k.iid == iid })
	id, ok := s.FindIID([]byte(name), []byte(iid))
	if ok != (at >= 0) || ok && id != known[at].id {
		m.t.Fatalf("%.30q of %.30q is %v, %v; it is known: %v", iid, name, id, ok, at)
	}
	if ok {
		s.CountDuplicate()
		m.twice++
		return
	}
	id = m.append()
	m.stream().RecordIID([]byte(name), []byte(iid), id)
	if known = append(known, modelMark{iid, id}); len(known) > m.max {
		known = known[1:]
	}
	m.producers[name] = known
	m.added++
}

// set is XCFGSET.
func (m *idmpModel) set() {
	duration, size := []int{0, 100, 20, m.duration}[m.rng.IntN(4)], []int{0, 100, 3, 500, m.max}[m.rng.IntN(5)]
	changed := duration != 0 && duration != m.duration || size != 0 && size != m.max
	if got := m.stream().SetIdmp(duration, size, neverEnds); got != changed {
		m.t.Fatalf("to set %d and %d was a change: %v", duration, size, got)
	}
	if changed {
		m.duration, m.max = max(duration, m.duration*boolInt(duration == 0)), max(size, m.max*boolInt(size == 0))
		clear(m.producers)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// copyDropped copies the stream as COPY and RENAME do, and goes on with the copy.
func (m *idmpModel) copyDropped() {
	to := m.key + "'"
	if len(to) > 4 {
		to = "s"
	}
	if err := m.db.Copy([]byte(m.key), m.db, []byte(to), neverEnds); err != nil {
		m.t.Fatal(err)
	}
	m.db.Delete([]byte(m.key))
	m.key = to
}

func readProducers(w Producers, now int64, duration int) map[string][]modelMark {
	got := map[string][]modelMark{}
	last := ""
	for p, ok := w.Next(); ok; p, ok = w.Next() {
		name := string(p.Name())
		if name < last {
			panic("the names are not in order")
		}
		last = name
		p.Each(func(iid []byte, id StreamID) {
			if int64(id.Ms) > now-int64(duration)*1000 {
				got[name] = append(got[name], modelMark{string(iid), id})
			}
		})
	}
	return got
}

func (m *idmpModel) want() map[string][]modelMark {
	want := map[string][]modelMark{}
	for name, marks := range m.producers {
		if marks = m.living(marks); len(marks) > 0 {
			want[name] = marks
		}
	}
	return want
}

func sameProducers(a, b map[string][]modelMark) bool { return maps.EqualFunc(a, b, slices.Equal) }

func (m *idmpModel) check() {
	m.t.Helper()
	s := m.stream()
	sum, err := s.Idmp(neverEnds)
	want, marks := m.want(), 0
	for _, list := range want {
		marks += len(list)
	}
	if w := (StreamIdmp{m.duration, m.max, len(want), marks, m.added, m.twice}); err != nil || sum != w {
		m.t.Fatalf("it is %+v, %v; not %+v", sum, err, w)
	}
	if s.HasIdmp() {
		if !sameProducers(readProducers(s.Producers(), m.db.Now(), m.duration), want) {
			m.t.Fatal("the producers are others")
		}
		if err := s.body().idmp().tree().Check(); err != nil {
			m.t.Fatal(err)
		}
	}
	for _, v := range m.views {
		if v.f.HasIdmp() && !sameProducers(readProducers(v.f.Producers(), v.f.now, v.f.Idmp().Duration), v.want) {
			m.t.Fatal("a frozen stream has changed")
		}
	}
	if got, err := s.body().size(0, neverEnds); err != nil || s.it.isBig() && s.body().heap.Relocates() && got != s.body().heap.Live() {
		m.t.Fatalf("it is said to take %d of %d bytes: %v", got, s.body().heap.Live(), err)
	}
}

func (m *idmpModel) view() {
	if len(m.views) > 3 {
		m.views[0].f.Release()
		m.views = m.views[1:]
	}
	if s := m.stream(); s.IsBig() {
		m.views = append(m.views, idmpView{s.Freeze(), m.want()})
	}
}

func (m *idmpModel) end() {
	m.t.Helper()
	m.check()
	for _, v := range m.views {
		v.f.Release()
	}
	m.db.Delete([]byte(m.key))
	keepHouse(m.db, 200)
	if n := live(m.db); n != 0 {
		m.t.Errorf("%d bytes are used by nothing", n)
	}
}

func (m *idmpModel) step() {
	switch n := m.rng.IntN(100); {
	case n < 80:
		m.add()
	case n < 84:
		m.append()
	case n < 92:
		m.db.v.NowMillis += m.rng.Int64N(20_000)
	case n < 94:
		m.copyDropped()
	case n < 95:
		m.set()
	default:
		m.stream().Trim(StreamTrim{MaxLen: 30}, neverEnds)
	}
}

func TestIdmpIsWhatMapsAre(t *testing.T) {
	for seed := range uint64(4) {
		db := newHashDB(t, 1<<30)
		db.s.bigTable = 30_000
		m := newIdmpModel(t, db, seed)
		for i := range steps(3000) {
			m.step()
			if i%10 == 0 {
				m.check()
			}
			if i%20 == 0 {
				m.view()
				keepHouse(db, 50)
			}
		}
		m.end()
	}
}

// TestIdmpForgetsProducers: whoever adds by ever new names takes no more memory than those of a stretch of time.
func TestIdmpForgetsProducers(t *testing.T) {
	db := newHashDB(t, 1<<30)
	m := newIdmpModel(t, db, 1)
	most := 0
	for i := range 20_000 {
		db.v.NowMillis += 100
		m.stream().RecordIID(fmt.Append(nil, "producer ", i), []byte("iid"), m.append())
		most = max(most, m.stream().body().idmp().tree().Leaves())
	}
	if want := m.duration * 10; most > want*3/2 {
		t.Errorf("%d producers were there at once, of %d that it remembers", most, want)
	}
	m.stream().SetIdmp(1, 1, neverEnds)
	if n := m.stream().body().idmp().tree().Leaves(); n != 0 {
		t.Errorf("%d producers are left", n)
	}
}

// TestIdmpOutOfMemory: what is refused memory is not known of, and what was known still is.
func TestIdmpOutOfMemory(t *testing.T) {
	denied := 0
	for seed := range uint64(5) {
		db := newHashDB(t, 2<<20)
		db.s.bigTable = 40_000
		for ballast := db.s.arena.NewHeap(); db.s.arena.Headroom(192 << 10); {
			ballast.Alloc(16 << 10)
		}
		m := newIdmpModel(t, db, seed)
		for i := range steps(3000) {
			added := m.added
			func() {
				defer func() {
					if e := recover(); e != nil {
						if e != error(mem.ErrNoMemory) {
							panic(e)
						}
						denied++
						m.added = added
						if s := m.stream(); s.HasIdmp() {
							m.next = s.Info().Last
						}
						m.check()
					}
				}()
				m.step()
				if i%20 == 0 {
					m.view()
				}
			}()
			if i%20 == 0 {
				keepHouse(db, 50)
			}
		}
		m.end()
	}
	if denied == 0 {
		t.Error("nothing was refused")
	}
}

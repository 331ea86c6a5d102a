package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/anishathalye/porcupine"
)

// partition is what is checked independently: a message of a standard queue, or a group of a FIFO queue.
type partition struct {
	name  string
	model porcupine.Model
	// rules and known are set for a group only.
	rules      *rules
	known      []numbered
	operations []operation
}

// origin is the publish of a body.
type origin struct {
	identity   string
	group      string
	repeatable bool
}

// sorter puts the lines of a history into partitions.
type sorter struct {
	rules   *rules
	lines   []Line
	origins map[string]origin
	// These maps have what the history shows of an id.
	identityOf map[string]string
	sequenceOf map[string]string
	idsOf      map[string][]string
	groupOf    map[string]string
	// died has the ids of messages that are received from the dead-letter queue.
	died map[string]bool
	// doubtful has the ids of messages that may be stored twice.
	doubtful map[string]bool
}

func isDead(queue string) bool { return strings.Contains(queue, "dead") }

func newSorter(r *rules, lines []Line) *sorter {
	s := &sorter{r, lines, map[string]origin{}, map[string]string{}, map[string]string{}, map[string][]string{}, map[string]string{}, map[string]bool{}, map[string]bool{}}
	for _, line := range lines {
		if line.Op == storedAgain {
			s.doubtful[line.ID] = true
		}
		if line.Op != "publish" {
			continue
		}
		for _, one := range line.Messages {
			identity := one.Body
			if one.DeduplicationID != "" {
				identity = one.DeduplicationID
			}
			s.origins[one.Body] = origin{identity, one.Group, one.DeduplicationID != "" || line.Key != ""}
			s.groupOf[identity] = one.Group
		}
	}
	for _, line := range lines {
		for at, one := range line.Stored {
			if one != nil && at < len(line.Messages) {
				s.meet(one.ID, one.Sequence, s.origins[line.Messages[at].Body].identity)
			}
		}
		for _, one := range line.Received {
			sequence := one.Sequence
			if isDead(line.Queue) {
				sequence = ""
				s.died[one.ID] = true
			}
			s.meet(one.ID, sequence, s.origins[one.Body].identity)
		}
	}
	return s
}

func (s *sorter) meet(id, sequence, identity string) {
	if _, met := s.identityOf[id]; !met {
		s.identityOf[id] = identity
		s.idsOf[identity] = append(s.idsOf[identity], id)
	}
	if s.sequenceOf[id] == "" {
		s.sequenceOf[id] = sequence
	}
}

// isDoubtful reports whether a message may be stored twice, so that each of its ids is checked independently.
func (s *sorter) isDoubtful(identity string) bool {
	for _, id := range s.idsOf[identity] {
		if s.doubtful[id] {
			return true
		}
	}
	return false
}

func (s *sorter) publishOf(line *Line, at int) (operation, bool) {
	one := line.Messages[at]
	result := line.resultAt(at)
	if result != ok && result != unknown {
		return operation{}, false
	}
	from := s.origins[one.Body]
	o := line.operation("publish", result)
	o.identity, o.body, o.repeatable = from.identity, one.Body, from.repeatable
	o.ms, o.ttlMs = one.DelaySeconds*1_000, one.TimeToLiveSeconds*1_000
	if result == ok && at < len(line.Stored) && line.Stored[at] != nil {
		o.id, o.sequence = line.Stored[at].ID, line.Stored[at].Sequence
	}
	return o, true
}

// settles are the operations on handles and ids that a line holds.
func settles(line *Line) []operation {
	if line.Op == "cancel" || line.Op == "reschedule" {
		o := line.operation(line.Op, line.resultAt(0))
		o.id, o.ms = line.ID, line.Seconds*1_000
		return []operation{o}
	}
	var all []operation
	for at, held := range line.Held {
		o := line.operation(line.Op, line.resultAt(at))
		o.silent = line.Silent
		o.id, o.token, o.ms, o.dead = held.ID, held.Handle, line.Seconds*1_000, isDead(line.Queue)
		all = append(all, o)
	}
	return all
}

func claimsOf(line *Line, one Received) claim {
	return claim{id: one.ID, body: one.Body, token: one.Handle, sequence: one.Sequence, count: one.Count, until: one.Until, claimedAt: one.Until - line.LeaseMs, leaseMs: line.LeaseMs}
}

func (s *sorter) end() operation {
	return operation{kind: endOfHistory, client: "end", call: s.rules.EndAt, ret: s.rules.EndAt, by: s.rules.EndAt, clock: s.rules.EndAt, result: ok}
}

// standard makes a partition of each message.
func (s *sorter) standard() []partition {
	found := map[string][]operation{}
	place := func(id, identity string) string {
		if s.isDoubtful(identity) {
			return identity + " as " + id
		}
		return identity
	}
	for at := range s.lines {
		line := &s.lines[at]
		switch line.Op {
		case "publish":
			for at := range line.Messages {
				if o, is := s.publishOf(line, at); is {
					s.addPublish(found, o, place)
				}
			}
		case "poll":
			for _, one := range line.Received {
				o := line.operation("claim", ok)
				o.dead, o.claimed = isDead(line.Queue), []claim{claimsOf(line, one)}
				name := place(one.ID, s.origins[one.Body].identity)
				found[name] = append(found[name], s.rules.dated(o))
			}
		case storedAgain:
			if identity, met := s.identityOf[line.ID]; met {
				o := line.operation(storedAgain, unknown)
				o.id = line.ID
				found[place(line.ID, identity)] = append(found[place(line.ID, identity)], o)
			}
		default:
			for _, o := range settles(line) {
				name := place(o.id, s.identityOf[o.id])
				found[name] = append(found[name], o)
			}
		}
	}
	model := standardModel(s.rules)
	var all []partition
	for name, operations := range found {
		all = append(all, partition{name, model, nil, nil, append(decided(operations), s.end())})
	}
	sort.Slice(all, func(a, b int) bool { return all[a].name < all[b].name })
	return all
}

// addPublish adds a publish to the partition of its message; where the message may be stored twice, to those of all its ids.
func (s *sorter) addPublish(found map[string][]operation, o operation, place func(id, identity string) string) {
	for _, id := range s.idsOf[o.identity] {
		one := o
		if one.id != id {
			if one.result == ok && !s.isDoubtful(o.identity) {
				continue
			}
			// The publish may or may not have stored this id too.
			one.id, one.result, one.ret, one.by = id, unknown, never, never
		}
		name := place(id, o.identity)
		found[name] = append(found[name], one)
	}
}

// fifo makes a partition of each group.
func (s *sorter) fifo() []partition {
	known, places := s.numbered()
	found := map[string][]operation{}
	add := func(group string, o operation) { found[group] = append(found[group], o) }
	placeOf := func(id string) int {
		if at, is := places[id]; is {
			return at
		}
		return -1
	}
	for at := range s.lines {
		line := &s.lines[at]
		switch line.Op {
		case "publish":
			for at, one := range line.Messages {
				o, is := s.publishOf(line, at)
				if ids := s.idsOf[o.identity]; is && o.id == "" && len(ids) > 0 {
					o.id = ids[0]
				}
				if is && o.id != "" {
					o.message = placeOf(o.id)
					add(one.Group, o)
				}
			}
		case "poll":
			for _, o := range groupClaims(line, placeOf) {
				add(o.identity, s.rules.dated(o))
			}
		default:
			for _, o := range settles(line) {
				o.message = placeOf(o.id)
				add(s.groupOf[s.identityOf[o.id]], o)
			}
		}
	}
	var all []partition
	for name, operations := range found {
		all = append(all, partition{name, fifoModel(s.rules, known[name]), s.rules, known[name], append(decided(operations), s.end())})
	}
	sort.Slice(all, func(a, b int) bool { return all[a].name < all[b].name })
	return all
}

// groupClaims are the claims of a poll: each has the messages of one group that were claimed in one instant.
func groupClaims(line *Line, placeOf func(id string) int) []operation {
	var all []operation
	places := map[string]int{}
	for _, one := range line.Received {
		c := claimsOf(line, one)
		c.message = placeOf(one.ID)
		name := fmt.Sprintf("%s at %d", one.Group, c.claimedAt)
		at, met := places[name]
		if !met {
			at = len(all)
			places[name] = at
			o := line.operation("claim", ok)
			o.dead, o.identity = isDead(line.Queue), one.Group
			all = append(all, o)
		}
		all[at].claimed = append(all[at].claimed, c)
	}
	return all
}

// numbered lists the messages of each group in the order of their numbers, and the places of the ids there.
func (s *sorter) numbered() (map[string][]numbered, map[string]int) {
	known := map[string][]numbered{}
	for id, identity := range s.identityOf {
		group := s.groupOf[identity]
		known[group] = append(known[group], numbered{id, s.sequenceOf[id], identity, s.died[id]})
	}
	places := map[string]int{}
	for _, row := range known {
		sort.Slice(row, func(a, b int) bool {
			if row[a].sequence != row[b].sequence {
				return row[a].sequence < row[b].sequence
			}
			return row[a].id < row[b].id
		})
		for at, one := range row {
			places[one.id] = at
		}
	}
	return known, places
}

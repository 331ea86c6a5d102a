package main

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// group is the state of a message group of a FIFO queue: its messages in the order of their numbers, stored or not.
type group struct {
	messages []*message
	// last is the highest number that a publish gave.
	last string
}

// numbered is a message of a group, as the whole history shows it.
type numbered struct {
	id       string
	sequence string
	identity string
	// dies reports whether the message is received from the dead-letter queue.
	dies bool
}

// fifoModel is the model of one group. A claim receives the front of the group, without a gap, up to the first message that is
// in flight or backs off. Numbers rise. A deduplication id stands for one message.
func fifoModel(r *rules, known []numbered) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{newGroup(len(known))} },
		Step: func(state, input, _ interface{}) []interface{} {
			var next []interface{}
			for _, one := range r.stepGroup(state.(group), input.(*operation), known) {
				next = append(next, one)
			}
			return next
		},
		Equal:             func(a, b interface{}) bool { return sameGroup(a.(group), b.(group)) },
		Hash:              func(state interface{}) uint64 { return hashOf(state.(group)) },
		DescribeOperation: func(input, _ interface{}) string { return describe(input.(*operation)) },
		DescribeState:     func(state interface{}) string { return describeGroup(state.(group)) },
	}
	return model.ToModel()
}

var absent = &message{}

func newGroup(size int) group {
	messages := make([]*message, size)
	for at := range messages {
		messages[at] = absent
	}
	return group{messages: messages}
}

func sameGroup(a, b group) bool {
	if a.last != b.last {
		return false
	}
	for at, m := range a.messages {
		if other := b.messages[at]; m != other && *m != *other {
			return false
		}
	}
	return true
}

func hashOf(g group) uint64 {
	hash := fnv.New64a()
	for _, m := range g.messages {
		flags := byte(m.count) << 4
		for at, is := range []bool{m.stored, m.gone, m.dead, m.live} {
			if is {
				flags |= 1 << at
			}
		}
		hash.Write([]byte{flags, byte(m.from), byte(m.from >> 8)})
	}
	return hash.Sum64()
}

func (g group) with(at int, m message) group {
	messages := append([]*message(nil), g.messages...)
	messages[at] = &m
	return group{messages: messages, last: g.last}
}

// set changes a group in place, which no other state shares yet.
func (g group) set(at int, m message) { g.messages[at] = &m }

func (r *rules) stepGroup(g group, o *operation, known []numbered) []group {
	switch o.kind {
	case together:
		states := []group{g}
		for at := range o.parts {
			var next []group
			for _, one := range states {
				next = append(next, r.stepGroup(one, &o.parts[at], known)...)
			}
			states = next
		}
		return states
	case "publish":
		next := r.stepPublish(g, o, known)
		if o.ended {
			next = append(next, g)
		}
		return next
	case "claim":
		if o.dead {
			return r.claimDead(g, o)
		}
		return r.claimFront(g, o, known)
	case endOfHistory:
		for _, m := range g.messages {
			if m.stored && !m.gone && m.dropFrom > r.latest(o) {
				return nil
			}
		}
		return []group{g}
	}
	if o.message < 0 {
		return nil
	}
	next := r.settledIn(g, o)
	if len(next) > 0 && !known[o.message].dies {
		return next
	}
	// The message may have been moved to the dead letters before.
	if m := g.messages[o.message]; r.MaxReceives > 0 && m.stored && !m.gone && !m.dead {
		if moved, possible := r.moveTo(g, o, o.message); possible {
			next = append(next, r.settledIn(moved, o)...)
		}
	}
	return next
}

func (r *rules) settledIn(g group, o *operation) []group {
	var next []group
	for _, m := range r.elsewhere(*g.messages[o.message], o) {
		for _, after := range r.settled(m, o) {
			next = append(next, g.with(o.message, after))
		}
	}
	return next
}

func (r *rules) stepPublish(g group, o *operation, known []numbered) []group {
	for at, one := range known {
		if one.identity != o.identity || !g.messages[at].stored {
			continue
		}
		if o.result == unknown || (o.repeatable && at == o.message) {
			return []group{g}
		}
		return nil
	}
	if o.message < 0 {
		return nil
	}
	sequence := known[o.message].sequence
	if o.sequence != "" && o.sequence != sequence {
		return nil
	}
	if r.NumbersRise && sequence <= g.last {
		return nil
	}
	// Where numbers rise, every message with a lower number was stored before this one.
	for at := 0; r.NumbersRise && at < o.message; at++ {
		if !g.messages[at].stored {
			return nil
		}
	}
	for at, m := range g.messages {
		if m.stored && !m.gone && !m.dead && known[at].sequence >= sequence {
			return nil
		}
	}
	next := g.with(o.message, r.published(o, known[o.message].id))
	if sequence > next.last {
		next.last = sequence
	}
	return []group{next}
}

// claimFront receives messages from the front of the group.
func (r *rules) claimFront(g group, o *operation, known []numbered) []group {
	next := group{messages: append([]*message(nil), g.messages...), last: g.last}
	taken := 0
	for at := range next.messages {
		if taken == len(o.claimed) {
			break
		}
		m := *next.messages[at]
		if !m.stored || m.gone || m.dead {
			continue
		}
		c := o.claimed[taken]
		if c.message != at {
			// Only messages that the poller moved to the dead letters first, or that expired, may be before the received ones.
			if taken == 0 && r.mayBeExhausted(m) && m.from <= c.claimedAt+r.JumpMs {
				next.set(at, movedTo(m, true))
				continue
			}
			if m.dropFrom <= r.latest(o) {
				m.gone = true
				next.set(at, m)
				continue
			}
			return nil
		}
		if c.sequence != known[at].sequence {
			return nil
		}
		after, legal := r.received(m, o, c)
		if !legal {
			return nil
		}
		next.set(at, after)
		taken++
	}
	if taken < len(o.claimed) {
		return nil
	}
	return []group{next}
}

// claimDead receives from the dead-letter queue. Its order is not judged: messages come there in the order of their moves.
func (r *rules) claimDead(g group, o *operation) []group {
	for _, c := range o.claimed {
		if c.message < 0 {
			return nil
		}
		if m := g.messages[c.message]; m.stored && !m.gone && !m.dead {
			moved, possible := r.moveTo(g, o, c.message)
			if !possible {
				return nil
			}
			g = moved
		}
		after, legal := r.received(*g.messages[c.message], o, c)
		if !legal {
			return nil
		}
		g = g.with(c.message, after)
	}
	return []group{g}
}

// moveTo moves messages to the dead letters, from the front of the group on, up to and with one of them.
func (r *rules) moveTo(g group, o *operation, last int) (group, bool) {
	next := group{messages: append([]*message(nil), g.messages...), last: g.last}
	for at := 0; at <= last; at++ {
		m := *next.messages[at]
		if !m.stored || m.gone || m.dead {
			continue
		}
		if !r.mayBeExhausted(m) || !r.mayBeVisible(m, o) {
			return g, false
		}
		next.set(at, movedTo(m, true))
	}
	return next, true
}

func describeGroup(g group) string {
	var left []string
	for at, m := range g.messages {
		if m.stored && !m.gone {
			left = append(left, fmt.Sprintf("#%d %s", at, describeMessage(*m)))
		}
	}
	return strings.Join(left, "; ")
}

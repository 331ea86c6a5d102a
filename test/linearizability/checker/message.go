package main

// rules are the sequential specification of one message, written from the documentation, not from the code:
//
//	absent -publish-> waiting -claim-> leased -ack-> gone
//	                     ^                |
//	                     +-- lease ends, nack, extend to 0, unreceive
//
// A lease ends by clocks. A poller claims when the lease is over by its own clock, and dates the claim by that clock. So a claim
// is legal when its date is not before the end of the lease before it.
type rules struct {
	Header
	fifo bool
}

// message is the state of one message. It is comparable.
type message struct {
	stored bool
	gone   bool
	// dead reports whether the message is in the dead-letter queue.
	dead bool
	id   string
	// token is the handle of the last receive; "?" after a claim whose answer no client got.
	token string
	// live reports whether the message is under a lease, which may be over, and was not given back.
	live bool
	// from and to bound the instant from which the message can be received, on the clock that wrote the instant.
	from, to int64
	count    int
	// dropFrom and dropTo bound the end of its time to live.
	dropFrom, dropTo int64
}

const hiddenToken = "?"

// ttlEarlyMs is how long before its time the store may delete an expired message.
const ttlEarlyMs = 1_000

func (r *rules) slack() int64 { return r.SkewMs + r.JumpMs }

// latest is the latest instant that any clock shows before the operation returns.
func (r *rules) latest(o *operation) int64 {
	if o.ret == never {
		return never
	}
	return o.ret + r.slack()
}

func (r *rules) mayBeVisible(m message, o *operation) bool { return m.from <= r.latest(o) }
func (r *rules) mayBeLive(m message, o *operation) bool    { return m.live && m.to > o.clock-r.JumpMs }

func (r *rules) published(o *operation, id string) message {
	m := message{stored: true, id: id, from: o.clock - r.JumpMs + o.ms, to: r.latest(o) + o.ms, dropFrom: never, dropTo: never}
	if o.ttlMs > 0 {
		m.dropFrom = m.from + o.ttlMs - ttlEarlyMs
		if o.ret != never {
			m.dropTo = m.to + o.ttlMs + 1_000
		}
	}
	// In a group only the queue's delay holds a message back, and that may be lowered at any time.
	if r.fifo || r.Grouped {
		m.from = 0
	}
	return m
}

// received is the message under the lease of a claim, if the claim is legal.
func (r *rules) received(m message, o *operation, c claim) (message, bool) {
	switch {
	case !m.stored || m.gone || m.dead != o.dead || m.id != c.id || m.token == c.token:
		return m, false
	case c.until == 0 && r.latest(o) < m.from:
		return m, false
	case c.until == 0:
	case c.claimedAt+r.JumpMs < m.from:
		return m, false
	case c.claimedAt+r.JumpMs < o.clock || c.claimedAt > r.latest(o):
		return m, false
	}
	switch {
	case c.count <= m.count || (!r.Hidden && c.count != m.count+1):
		return m, false
	case r.MaxReceives > 0 && !o.dead && c.count > r.MaxReceives:
		return m, false
	case o.call-r.slack() > m.dropTo:
		return m, false
	}
	m.token, m.live, m.from, m.to, m.count = c.token, true, c.until, c.until, c.count
	if c.until == 0 {
		m.from, m.to = o.clock-r.slack()+c.leaseMs, r.latest(o)+c.leaseMs
	}
	return m, true
}

// elsewhere are the states that the message may reach without a client: its time to live is over, or it was moved to the
// dead-letter queue, or back.
func (r *rules) elsewhere(m message, o *operation) []message {
	states := []message{m}
	if !m.stored || m.gone {
		return states
	}
	if m.dropFrom <= r.latest(o) {
		dropped := m
		dropped.gone = true
		states = append(states, dropped)
	}
	if !r.fifo && r.mayBeVisible(m, o) {
		if !m.dead && r.mayBeExhausted(m) {
			dead := movedTo(m, true)
			states = append(states, dead)
			if r.Redrives {
				states = append(states, movedTo(dead, false))
			}
		}
		if m.dead && r.Redrives {
			back := movedTo(m, false)
			states = append(states, back)
			if r.mayBeExhausted(back) {
				states = append(states, movedTo(back, true))
			}
		}
	}
	return states
}

func (r *rules) mayBeExhausted(m message) bool {
	return r.MaxReceives > 0 && (m.count >= r.MaxReceives || r.Hidden)
}

func movedTo(m message, dead bool) message {
	return message{stored: true, id: m.id, dead: dead, dropFrom: m.dropFrom, dropTo: m.dropTo}
}

// settled are the states after an operation on the handle, or the id, of a message; none where its result is illegal.
func (r *rules) settled(m message, o *operation) []message {
	if !m.stored {
		if o.result == unknown {
			return []message{m}
		}
		return nil
	}
	next, done := r.effect(m, o)
	switch o.result {
	case ok:
		if done {
			return []message{next}
		}
		// The ack of a message that is gone, or was moved, succeeds.
		if o.kind == "ack" && (m.gone || m.dead != o.dead || (o.silent && (m.token != o.token || r.fifo))) {
			return []message{m}
		}
		return nil
	case unknown:
		// In other cases, an operation that did nothing is in the order where it can do nothing.
		if done && o.ended {
			return []message{next, m}
		}
		if done {
			return []message{next}
		}
		return []message{m}
	case notFound:
		return r.missed(m, o)
	case leaseLost:
		return r.lost(m, o)
	case inProgress:
		if r.mayBeLive(m, o) || r.mayBeHiddenClaim(m, o) {
			return []message{m}
		}
		return nil
	default:
		return []message{m}
	}
}

// effect is the state after the operation, if the state before permits it.
func (r *rules) effect(m message, o *operation) (message, bool) {
	if m.gone {
		return m, false
	}
	if o.kind == "cancel" || o.kind == "reschedule" {
		if m.live && !r.mayBeVisible(m, o) {
			return m, false
		}
		if o.kind == "cancel" {
			m.gone = true
			return m, true
		}
		m.dropTo = never
	} else if m.dead != o.dead || m.token != o.token {
		return m, false
	}
	switch o.kind {
	case "ack":
		// In an ordered group the lease must be live: once it is over, other consumers may have received the next messages.
		if r.fifo && !r.mayBeLive(m, o) {
			return m, false
		}
		m.gone = true
		return m, true
	case "extend":
		if !r.mayBeLive(m, o) {
			return m, false
		}
	case "unreceive":
		m.live = false
		m.count--
	case "nack":
		m.live = false
	case "reschedule":
		m.live = false
		m.token = ""
	}
	m.from = o.clock - r.JumpMs + o.ms
	if m.to = never; o.ret != never {
		m.to = r.latest(o) + o.ms
	}
	return m, true
}

func (r *rules) missed(m message, o *operation) []message {
	if o.kind == "ack" {
		return nil
	}
	if m.gone || m.dead != o.dead {
		return []message{m}
	}
	// An earlier try, whose answer was lost, may have cancelled the message.
	if next, done := r.effect(m, o); o.kind == "cancel" && r.Hidden && done {
		return []message{next}
	}
	return nil
}

func (r *rules) lost(m message, o *operation) []message {
	if m.gone || m.dead != o.dead {
		return nil
	}
	if m.token != o.token {
		return []message{m}
	}
	if o.kind == "ack" && r.fifo && (!m.live || r.mayBeVisible(m, o)) {
		return []message{m}
	}
	var states []message
	if o.kind == "extend" && (!m.live || r.mayBeVisible(m, o)) {
		states = append(states, m)
	}
	// The client below sent the request twice. The first took effect, another poller received the message, and the second was refused.
	if next, done := r.effect(m, o); r.Hidden && done && o.kind != "ack" {
		states = append(states, next)
	}
	if r.mayBeHiddenClaim(m, o) {
		m.token = hiddenToken
		states = append(states, m)
	}
	return states
}

// mayBeHiddenClaim reports whether a poll whose answer was lost may hold the message.
func (r *rules) mayBeHiddenClaim(m message, o *operation) bool {
	return r.Hidden && !m.gone && r.mayBeVisible(m, o)
}

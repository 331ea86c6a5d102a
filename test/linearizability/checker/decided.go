package main

// dated is the operation without the time in which it can't have taken effect: a poller dates its claim before it writes the
// claim, so a long poll did nothing before that date.
func (r *rules) dated(o operation) operation {
	for at, c := range o.claimed {
		if c.until == 0 {
			return o
		}
		if from := c.claimedAt - r.slack(); at == 0 && from > o.call && from <= o.ret {
			o.call = from
		}
	}
	return o
}

// decided narrows the time in which operations took effect by what other operations on the same message show. No order is lost:
// each order that is excluded has an equal one that is not. The search is much shorter, since it tries every set of the
// operations that may have taken effect or not.
func decided(operations []operation) []operation {
	for _, o := range operations {
		// A message that was removed may be stored again.
		if o.kind == storedAgain {
			return operations
		}
	}
	claimedBy, later := answered(operations)
	var left []operation
	for _, o := range operations {
		before := claimedBy[o.token]
		if before != nil && o.token != "" && before.ret >= o.call {
			// No client has a handle before the poll that gave it was answered, in the same instant at the earliest.
			o.call, o.follows = before.ret, true
		}
		if o.result != unknown || bounded(&o, before, later[o.id]) {
			left = append(left, o)
		}
	}
	return left
}

// answered are the answered operations that show the state of a message: the receive of each handle, and the receives, removals and
// publishes of each id.
func answered(operations []operation) (claimedBy map[string]*operation, later map[string][]*operation) {
	claimedBy = map[string]*operation{}
	later = map[string][]*operation{}
	for at := range operations {
		o := &operations[at]
		if o.ret == never {
			continue
		}
		switch o.kind {
		case "claim":
			for _, c := range o.claimed {
				claimedBy[c.token] = o
				later[c.id] = append(later[c.id], o)
			}
		case "ack", "cancel", "publish":
			if o.result == ok {
				later[o.id] = append(later[o.id], o)
			}
		}
	}
	return claimedBy, later
}

// bounded narrows the time of an operation of unknown outcome, under a handle of the receive before. Returns false for one that did
// nothing in any order.
//
// Once a later receive of the message, or its ack, has been answered, an operation under an earlier handle has taken effect before
// or never will; the same holds for a publish whose message was received. For each order in which such an operation does nothing
// later, there is an equal order in which it does nothing before that answer.
//
// A message that is removed is never received again. So an ack did nothing if its message was received under another handle
// afterwards, and a cancel took effect after all receives, or does nothing at the end, where the message is gone.
func bounded(o, before *operation, later []*operation) bool {
	for _, after := range later {
		if after.kind != "claim" {
			continue
		}
		if o.kind == "ack" && decides(o, before, after) {
			return false
		}
		if o.kind == "cancel" && after.call > o.by {
			return false
		}
		if o.kind == "cancel" {
			o.call = max(o.call, after.call)
		}
	}
	for _, after := range later {
		if decides(o, before, after) {
			o.by = min(o.by, max(o.call, after.ret))
		}
	}
	return true
}

// decides reports whether the operation, under a handle of the receive before, does nothing once the operation after is done.
func decides(o, before, after *operation) bool {
	switch o.kind {
	case "publish":
		return after.kind == "claim" || after.kind == "publish"
	case "ack", "nack", "extend", "unreceive":
		return isRemoval(after) || (after.kind == "claim" && before != nil && before != after && before.ret < after.call)
	default:
		return isRemoval(after)
	}
}

func isRemoval(o *operation) bool { return o.kind == "ack" || o.kind == "cancel" }

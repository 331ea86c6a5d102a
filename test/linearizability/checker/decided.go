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

// decided bounds the operations of unknown outcome. Once a later receive of the message, or its ack, has been answered, an
// operation under an earlier handle has taken effect before or never will; the same holds for a publish whose message was
// received. For each order in which such an operation does nothing later, there is an equal order in which it does nothing
// before that answer. So no order is lost, and the search is much shorter.
func decided(operations []operation) []operation {
	for _, o := range operations {
		// A message that was removed may be stored again.
		if o.kind == storedAgain {
			return operations
		}
	}
	claimedBy := map[string]*operation{}
	later := map[string][]*operation{}
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
	for at := range operations {
		o := &operations[at]
		if o.result != unknown || o.kind == storedAgain {
			continue
		}
		before := claimedBy[o.token]
		for _, after := range later[o.id] {
			if !decides(o, before, after) {
				continue
			}
			if by := max(o.call, after.ret); by < o.by {
				o.by = by
			}
		}
	}
	return operations
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

package main

import "fmt"

// joined is the group with all operations of a request joined into one, which takes effect at once, and with numbers that rise.
// An order of joined operations is an order of the single ones too, and is found sooner. The single operations may have an
// order where the joined ones have none.
func (p partition) joined() partition {
	type request struct {
		client    string
		kind      string
		call, ret int64
	}
	places := map[request]int{}
	var operations []operation
	for _, o := range p.operations {
		name := request{o.client, o.kind, o.call, o.ret}
		if at, met := places[name]; met && o.kind != "claim" && o.result != unknown {
			operations[at].parts = append(operations[at].parts, o)
			continue
		}
		if o.kind != "claim" && o.kind != endOfHistory && o.result != unknown {
			places[name] = len(operations)
			o = operation{kind: together, client: o.client, call: o.call, ret: o.ret, by: o.by, clock: o.clock, result: o.result, parts: []operation{o}}
		}
		operations = append(operations, o)
	}
	strict := *p.rules
	strict.NumbersRise = true
	return partition{p.name, fifoModel(&strict, p.known), p.rules, p.known, operations}
}

// pairs are the projections of the group on each two of its messages. A history that is legal for a group is legal for each
// pair, so a pair without an order shows, in few operations, that the group has none.
func (p partition) pairs() []partition {
	var all []partition
	for a := range p.known {
		for b := a + 1; b < len(p.known) || (b == a+1 && len(p.known) == 1); b++ {
			all = append(all, p.pair(a, min(b, len(p.known)-1)))
		}
	}
	return all
}

func (p partition) pair(a, b int) partition {
	known := []numbered{p.known[a]}
	places := map[int]int{a: 0, -1: -1}
	if a != b {
		known = append(known, p.known[b])
		places[b] = 1
	}
	var operations []operation
	for _, o := range p.operations {
		if one, concerns := projected(o, known, places); concerns {
			operations = append(operations, one)
		}
	}
	name := fmt.Sprintf("%s, %s and %s", p.name, p.known[a].identity, p.known[b].identity)
	return partition{name, fifoModel(p.rules, known), p.rules, known, operations}
}

// projected is the part of an operation that concerns some messages of the group.
func projected(o operation, known []numbered, places map[int]int) (operation, bool) {
	switch o.kind {
	case endOfHistory:
		return o, true
	case "claim":
		claimed := o.claimed
		o.claimed = nil
		for _, c := range claimed {
			if place, is := places[c.message]; is {
				c.message = place
				o.claimed = append(o.claimed, c)
			}
		}
		return o, len(o.claimed) > 0
	case "publish":
		for _, one := range known {
			if one.identity == o.identity {
				if place, is := places[o.message]; is {
					o.message = place
				} else {
					// The answer is another message under the same deduplication id or key.
					o.message = -1
				}
				return o, true
			}
		}
		return o, false
	}
	place, is := places[o.message]
	o.message = place
	return o, is
}

package main

import (
	"fmt"
	"strings"
)

// short is the end of an id or a handle, without the padding of handles.
func short(text string) string {
	text = strings.TrimRight(text, "A")
	if len(text) > 8 {
		return "…" + text[len(text)-8:]
	}
	return text
}

func describe(o *operation) string {
	result := o.result
	if result == unknown {
		result = "?"
	}
	switch o.kind {
	case together:
		text := ""
		for at := range o.parts {
			text += describe(&o.parts[at]) + "; "
		}
		return text
	case "publish":
		return fmt.Sprintf("publish %s -> %s %s %s", o.identity, result, short(o.id), o.sequence)
	case "claim":
		text := "receive"
		for _, c := range o.claimed {
			text += fmt.Sprintf(" [%s, receive %d under %s, %d to %d]", c.body, c.count, short(c.token), c.claimedAt, c.until)
		}
		return text
	case endOfHistory, storedAgain:
		return o.kind
	default:
		return fmt.Sprintf("%s %s under %s, %d ms -> %s", o.kind, short(o.id), short(o.token), o.ms, result)
	}
}

func describeMessage(m message) string {
	switch {
	case !m.stored:
		return "absent"
	case m.gone:
		return "gone"
	case m.live:
		return fmt.Sprintf("leased under %s until %d, receive %d", short(m.token), m.from, m.count)
	default:
		return fmt.Sprintf("waiting until %d, received %d times", m.from, m.count)
	}
}

package main

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const standardHeader = `{"model":"standard","endAt":90000}`
const lossyHeader = `{"model":"standard","endAt":90000,"hidden":true}`
const fifoHeader = `{"model":"fifo","endAt":90000,"numbersRise":true}`

const (
	published  = `{"op":"publish","client":"p","call":1000,"clock":1000,"return":1010,"messages":[{"body":"a"}],"results":["ok"],"stored":[{"id":"A"}]}`
	received   = `{"op":"poll","client":"c","call":2000,"clock":2000,"return":2010,"leaseMs":5000,"received":[{"id":"A","handle":"h1","body":"a","count":1,"until":7005}]}`
	acked      = `{"op":"ack","client":"c","call":3000,"clock":3000,"return":3010,"held":[{"id":"A","handle":"h1"}],"results":["ok"]}`
	unanswered = `{"op":"ack","client":"c","call":3000,"clock":3000,"held":[{"id":"A","handle":"h1"}]}`
	ended      = `{"op":"ack","client":"c","call":3000,"clock":3000,"return":3010,"ended":true,"held":[{"id":"A","handle":"h1"}]}`
	givenBack  = `{"op":"nack","client":"c","call":5000,"clock":5000,"return":6200,"held":[{"id":"A","handle":"h1"}],"results":["LeaseLost"]}`
	again      = `{"op":"poll","client":"d","call":7000,"clock":7000,"return":7010,"leaseMs":5000,"received":[{"id":"A","handle":"h2","body":"a","count":2,"until":12008}]}`
	tooSoon    = `{"op":"poll","client":"d","call":6000,"clock":6000,"return":6010,"leaseMs":5000,"received":[{"id":"A","handle":"h2","body":"a","count":2,"until":11008}]}`
	ackedAgain = `{"op":"ack","client":"d","call":8000,"clock":8000,"return":8010,"held":[{"id":"A","handle":"h2"}],"results":["ok"]}`
	outdated   = `{"op":"ack","client":"c","call":7500,"clock":7500,"return":7510,"held":[{"id":"A","handle":"h1"}],"results":["ok"]}`
	refused    = `{"op":"ack","client":"c","call":7500,"clock":7500,"return":7510,"held":[{"id":"A","handle":"h1"}],"results":["LeaseLost"]}`
	atOnce     = `{"op":"ack","client":"c","call":2010,"clock":2010,"return":2010,"held":[{"id":"A","handle":"h1"}],"results":["ok"]}`
	withdrawn  = `{"op":"cancel","client":"o","call":2100,"clock":2100,"id":"A"}`
	refusedNow = `{"op":"ack","client":"c","call":2500,"clock":2500,"return":2510,"held":[{"id":"A","handle":"h1"}],"results":["LeaseLost"]}`

	two         = `{"op":"publish","client":"p","call":1000,"clock":1000,"return":1010,"messages":[{"body":"a","group":"g"},{"body":"b","group":"g"}],"results":["ok","ok"],"stored":[{"id":"A","sequence":"1"},{"id":"B","sequence":"2"}]}`
	sameNumbers = `{"op":"publish","client":"p","call":1000,"clock":1000,"return":1010,"messages":[{"body":"a","group":"g"},{"body":"b","group":"g"}],"results":["ok","ok"],"stored":[{"id":"A","sequence":"1"},{"id":"B","sequence":"1"}]}`
	both        = `{"op":"poll","client":"c","call":2000,"clock":2000,"return":2010,"leaseMs":5000,"received":[{"id":"A","handle":"h1","body":"a","group":"g","sequence":"1","count":1,"until":7005},{"id":"B","handle":"h2","body":"b","group":"g","sequence":"2","count":1,"until":7005}]}`
	ackedBoth   = `{"op":"ack","client":"c","call":3000,"clock":3000,"return":3010,"held":[{"id":"A","handle":"h1"},{"id":"B","handle":"h2"}],"results":["ok","ok"]}`
	ackedLate   = `{"op":"ack","client":"c","call":8000,"clock":8000,"return":8010,"held":[{"id":"A","handle":"h1"},{"id":"B","handle":"h2"}],"results":["ok","ok"]}`
	first       = `{"op":"poll","client":"c","call":2000,"clock":2000,"return":2010,"leaseMs":5000,"received":[{"id":"A","handle":"h1","body":"a","group":"g","sequence":"1","count":1,"until":7005}]}`
	second      = `{"op":"poll","client":"d","call":2500,"clock":2500,"return":2510,"leaseMs":5000,"received":[{"id":"B","handle":"h2","body":"b","group":"g","sequence":"2","count":1,"until":7505}]}`
	onceA       = `{"op":"publish","client":"p","call":1000,"clock":1000,"return":1010,"messages":[{"body":"a","group":"g","deduplicationId":"x"}],"results":["ok"],"stored":[{"id":"A","sequence":"1"}]}`
	onceB       = `{"op":"publish","client":"q","call":1100,"clock":1100,"return":1110,"messages":[{"body":"b","group":"g","deduplicationId":"x"}],"results":["ok"],"stored":[{"id":"A","sequence":"1"}]}`
	twiceB      = `{"op":"publish","client":"q","call":1100,"clock":1100,"return":1110,"messages":[{"body":"b","group":"g","deduplicationId":"x"}],"results":["ok"],"stored":[{"id":"B","sequence":"2"}]}`
	ackedA      = `{"op":"ack","client":"c","call":3000,"clock":3000,"return":3010,"held":[{"id":"A","handle":"h1"}],"results":["ok"]}`
	ackedB      = `{"op":"ack","client":"d","call":3000,"clock":3000,"return":3010,"held":[{"id":"B","handle":"h2"}],"results":["ok"]}`
)

func TestHistories(t *testing.T) {
	for _, one := range []struct {
		name  string
		lines []string
		legal bool
	}{
		{"a message is received and acked", []string{standardHeader, published, received, acked}, true},
		{"a message is received again once its lease is over", []string{standardHeader, published, received, again, ackedAgain}, true},
		{"a message is received again before its lease is over", []string{standardHeader, published, received, tooSoon, ackedAgain}, false},
		{"a message that was acked is received again", []string{standardHeader, published, received, acked, again, ackedAgain}, false},
		{"an ack without an answer was not done", []string{standardHeader, published, received, unanswered, again, ackedAgain}, true},
		{"a cancel without an answer was not done", []string{standardHeader, published, received, withdrawn, again, ackedAgain}, true},
		{"a cancel without an answer was done after the last receive", []string{standardHeader, published, received, withdrawn, again}, true},
		{"a message is received and acked in one instant", []string{standardHeader, published, received, atOnce}, true},
		{"an ack without an answer was done", []string{standardHeader, published, received, unanswered}, true},
		{"an ack that a killed server did not do", []string{standardHeader, published, received, ended, again, ackedAgain}, true},
		{"an ack that a killed server did", []string{standardHeader, published, received, ended}, true},
		{"a message is never received", []string{standardHeader, published}, false},
		{"an ack under an outdated handle is refused", []string{standardHeader, published, received, again, refused, ackedAgain}, true},
		{"an ack under an outdated handle succeeds", []string{standardHeader, published, received, again, outdated, ackedAgain}, false},
		{"a nack that was sent twice is done and then refused", []string{lossyHeader, published, received, givenBack, tooSoon, ackedAgain}, true},
		{"a nack that is sent once is refused under a live lease", []string{standardHeader, published, received, givenBack, again, ackedAgain}, false},
		{"an ack under a live lease is refused", []string{standardHeader, published, received, refusedNow, again, ackedAgain}, false},
		{"what nobody published is received", []string{standardHeader, received, acked}, false},
		{"messages of a group are received together", []string{fifoHeader, two, both, ackedBoth}, true},
		{"a message is received past one in flight", []string{fifoHeader, two, first, second, ackedA, ackedB}, false},
		{"a message is received past one that waits", []string{fifoHeader, two, second, ackedB}, false},
		{"an ack in a group succeeds after the lease", []string{fifoHeader, two, both, ackedLate}, false},
		{"two messages have one number", []string{fifoHeader, sameNumbers, both, ackedBoth}, false},
		{"a deduplication id stands for one message", []string{fifoHeader, onceA, onceB, first, ackedA}, true},
		{"a deduplication id stands for two messages", []string{fifoHeader, onceA, twiceB, both, ackedBoth}, false},
	} {
		t.Run(one.name, func(t *testing.T) {
			verdict := read(one.lines)
			if legal := len(verdict.Violations) == 0; legal != one.legal || verdict.Undecided > 0 {
				t.Errorf("legal: %v, though it must be %v: %+v", legal, one.legal, verdict)
			}
		})
	}
}

// many are a publish, a receive, acks without an answer, a second receive and its acks, of two dozen messages of a group.
func many() []string {
	var messages, stored, first, second, unanswered, held, results []string
	for at := 0; at < 24; at++ {
		one := func(handle string, count, until int) string {
			return fmt.Sprintf(`{"id":"M%d","handle":"%s%d","body":"m%d","group":"g","sequence":"%03d","count":%d,"until":%d}`, at, handle, at, at, at, count, until)
		}
		messages = append(messages, fmt.Sprintf(`{"body":"m%d","group":"g"}`, at))
		stored = append(stored, fmt.Sprintf(`{"id":"M%d","sequence":"%03d"}`, at, at))
		results = append(results, `"ok"`)
		first = append(first, one("h", 1, 7005))
		second = append(second, one("j", 2, 12008))
		unanswered = append(unanswered, fmt.Sprintf(`{"op":"ack","client":"c","call":3000,"clock":3000,"held":[{"id":"M%d","handle":"h%d"}]}`, at, at))
		held = append(held, fmt.Sprintf(`{"id":"M%d","handle":"j%d"}`, at, at))
	}
	all := func(parts []string) string { return strings.Join(parts, ",") }
	lines := []string{
		fifoHeader,
		fmt.Sprintf(`{"op":"publish","client":"p","call":1000,"clock":1000,"return":1010,"messages":[%s],"results":[%s],"stored":[%s]}`, all(messages), all(results), all(stored)),
		fmt.Sprintf(`{"op":"poll","client":"c","call":2000,"clock":2000,"return":2010,"leaseMs":5000,"received":[%s]}`, all(first)),
	}
	return append(append(lines, unanswered...),
		fmt.Sprintf(`{"op":"poll","client":"d","call":7000,"clock":7000,"return":7010,"leaseMs":5000,"received":[%s]}`, all(second)),
		fmt.Sprintf(`{"op":"ack","client":"d","call":8000,"clock":8000,"return":8010,"held":[%s],"results":[%s]}`, all(held), all(results)))
}

func TestManyAcksWithoutAnAnswerAreDecided(t *testing.T) {
	verdict := read(many())
	if len(verdict.Violations) > 0 || verdict.Undecided > 0 {
		t.Errorf("%+v", verdict)
	}
}

func TestAHandleIsUsedAfterThePollThatGaveIt(t *testing.T) {
	sorted := newSorter(&rules{Header: Header{EndAt: 90000}}, parsed([]string{standardHeader, published, received, atOnce}))
	p := sorted.standard()[0]
	history := p.history(90000)
	var poll, ack porcupine.Operation
	for _, one := range history {
		switch one.Input.(*operation).kind {
		case "claim":
			poll = one
		case "ack":
			ack = one
		}
	}
	if ack.Call <= poll.Return || ack.Return < ack.Call {
		t.Errorf("the ack, %d to %d, is not after the poll, which returned at %d", ack.Call, ack.Return, poll.Return)
	}
}

func read(lines []string) Verdict {
	header, operations, _ := readHistory(bufio.NewReader(strings.NewReader(strings.Join(lines, "\n") + "\n\n")))
	return check(header, operations, "", 10*time.Second)
}

func parsed(lines []string) []Line {
	_, operations, _ := readHistory(bufio.NewReader(strings.NewReader(strings.Join(lines, "\n") + "\n\n")))
	return operations
}

package main

import (
	"bufio"
	"strings"
	"testing"
	"time"
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
			header, lines, _ := readHistory(bufio.NewReader(strings.NewReader(strings.Join(one.lines, "\n") + "\n\n")))
			verdict := check(header, lines, "", 10*time.Second)
			if legal := len(verdict.Violations) == 0; legal != one.legal || verdict.Undecided > 0 {
				t.Errorf("legal: %v, though it must be %v: %+v", legal, one.legal, verdict)
			}
		})
	}
}

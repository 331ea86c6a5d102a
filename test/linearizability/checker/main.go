// Checks histories of queues for linearizability with Porcupine, against the sequential specification that message.go,
// standard.go and fifo.go write down. Reads lines of JSON: the header of a history, its operations, and an empty line.
// Writes one line of JSON for each history.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is the outcome of the check of a history.
type Verdict struct {
	History    int         `json:"history"`
	World      string      `json:"world"`
	Model      string      `json:"model"`
	Partitions int         `json:"partitions"`
	Operations int         `json:"operations"`
	Undecided  int         `json:"undecided"`
	Violations []Violation `json:"violations"`
	OwnVerdict []string    `json:"ownVerdict"`
}

type Violation struct {
	Partition string `json:"partition"`
	// Stuck are the first operations that do not fit after the longest order.
	Stuck []string `json:"stuck"`
	// Picture is the path of Porcupine's visualization.
	Picture string `json:"picture,omitempty"`
}

func main() {
	pictures := flag.String("pictures", "", "the folder for visualizations of violations; none are made without")
	limit := flag.Duration("limit", time.Minute, "the time to search for an order of one partition")
	flag.Parse()
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		header, operations, more := readHistory(lines)
		if header != nil {
			if err := out.Encode(check(header, operations, *pictures, *limit)); err != nil {
				log.Fatal(err)
			}
		}
		if !more {
			return
		}
	}
}

func readHistory(lines *bufio.Reader) (*Header, []Line, bool) {
	var header *Header
	var operations []Line
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) <= 1 {
			return header, operations, err == nil
		}
		if header == nil {
			header = &Header{}
			if err := json.Unmarshal(text, header); err != nil {
				log.Fatalf("the header of a history is no JSON: %v", err)
			}
			continue
		}
		var line Line
		if err := json.Unmarshal(text, &line); err != nil {
			log.Fatalf("an operation of history %d is no JSON: %v", header.History, err)
		}
		operations = append(operations, line)
	}
}

func check(header *Header, lines []Line, pictures string, limit time.Duration) Verdict {
	r := &rules{Header: *header, fifo: header.Model == "fifo"}
	sorted := newSorter(r, lines)
	partitions := sorted.standard
	if r.fifo {
		partitions = sorted.fifo
	}
	verdict := Verdict{History: header.History, World: header.World, Model: header.Model, Violations: []Violation{}, OwnVerdict: header.OwnVerdict}
	var guard sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, one := range partitions() {
		verdict.Partitions++
		verdict.Operations += len(one.operations) - 1
		all.Add(1)
		slots <- struct{}{}
		go func(one partition) {
			defer func() { <-slots; all.Done() }()
			violation, decided := one.check(header, pictures, limit)
			guard.Lock()
			defer guard.Unlock()
			if !decided {
				verdict.Undecided++
			}
			if violation != nil {
				verdict.Violations = append(verdict.Violations, *violation)
			}
		}(one)
	}
	all.Wait()
	return verdict
}

func (p partition) check(header *Header, pictures string, limit time.Duration) (*Violation, bool) {
	if p.rules != nil {
		joined := p.joined()
		if porcupine.CheckOperationsTimeout(joined.model, joined.history(header.EndAt), limit) == porcupine.Ok {
			return nil, true
		}
		for _, pair := range p.pairs() {
			if violation, decided := pair.judge(header, pictures, limit); violation != nil || !decided {
				return violation, decided
			}
		}
	}
	return p.judge(header, pictures, limit)
}

// judge searches for an order of the operations as they are.
func (p partition) judge(header *Header, pictures string, limit time.Duration) (*Violation, bool) {
	history := p.history(header.EndAt)
	switch porcupine.CheckOperationsTimeout(p.model, history, limit) {
	case porcupine.Ok:
		return nil, true
	case porcupine.Unknown:
		return nil, false
	}
	_, info := porcupine.CheckOperationsVerbose(p.model, history, limit)
	violation := &Violation{Partition: p.name, Stuck: stuck(history, info)}
	if pictures != "" {
		violation.Picture = filepath.Join(pictures, fmt.Sprintf("%s-%d-%x.html", header.Model, header.History, p.name))
		if err := porcupine.VisualizePath(p.model, info, violation.Picture); err != nil {
			log.Fatal(err)
		}
	}
	return violation, true
}

// history is the partition as Porcupine takes it: an operation without an answer returns at the end of the history.
func (p partition) history(endAt int64) []porcupine.Operation {
	clients := map[string]int{}
	var history []porcupine.Operation
	for at := range p.operations {
		o := &p.operations[at]
		client, met := clients[o.client]
		if !met {
			client = len(clients)
			clients[o.client] = client
		}
		ret := o.by
		if ret == never {
			ret = endAt + 1
		}
		// Of the operations of one instant, some begin, then those of the instant return, and then those begin that follow.
		call, end := 4*o.call, 4*ret+1
		if o.follows {
			call += 2
		}
		history = append(history, porcupine.Operation{ClientId: client, Input: o, Call: call, Output: nil, Return: max(call, end)})
	}
	return history
}

// stuck are the first operations that are not in the longest order found.
func stuck(history []porcupine.Operation, info porcupine.LinearizationInfo) []string {
	var longest []porcupine.Operation
	for _, orders := range info.PartialLinearizationsOperations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	placed := map[*operation]bool{}
	for _, one := range longest {
		placed[one.Input.(*operation)] = true
	}
	var first *operation
	for _, one := range history {
		if o := one.Input.(*operation); !placed[o] && (first == nil || o.ret < first.ret) {
			first = o
		}
	}
	if first == nil {
		return nil
	}
	lines := []string{}
	for at := max(0, len(longest)-4); at < len(longest); at++ {
		o := longest[at].Input.(*operation)
		lines = append(lines, fmt.Sprintf("%d to %d, %s: %s", o.call, o.ret, o.client, describe(o)))
	}
	return append(lines, fmt.Sprintf("no room for: %d to %d, %s: %s", first.call, first.ret, first.client, describe(first)))
}

package main

import "math"

// Header is the first line of a history: what the checker needs of its world.
type Header struct {
	History int    `json:"history"`
	World   string `json:"world"`
	Model   string `json:"model"`
	// EndAt is the instant at which the queues were empty and every received message was acked.
	EndAt int64 `json:"endAt"`
	// SkewMs is how far a clock may be from the true one, and JumpMs how far a clock may go back between two readings.
	SkewMs int64 `json:"skewMs"`
	JumpMs int64 `json:"jumpMs"`
	// Hidden reports whether a poll may lease a message and fail to return it: its answer is lost, or its process is killed.
	Hidden bool `json:"hidden"`
	// MaxReceives is 0 where no message is dead-lettered.
	MaxReceives int `json:"maxReceives"`
	// Redrives reports whether dead letters are moved back.
	Redrives bool `json:"redrives"`
	// Grouped reports whether a standard queue has message groups: due times do not hold messages back in groups.
	Grouped bool `json:"grouped"`
	// NumbersRise reports whether the numbers of a FIFO group still rise after the group was empty.
	NumbersRise bool `json:"numbersRise"`
	// OwnVerdict has the broken promises that the simulator itself found in the history.
	OwnVerdict []string `json:"ownVerdict"`
}

// Line is any line after the header.
type Line struct {
	Op       string     `json:"op"`
	Client   string     `json:"client"`
	Call     int64      `json:"call"`
	Clock    int64      `json:"clock"`
	Return   *int64     `json:"return"`
	Queue    string     `json:"queue"`
	Key      string     `json:"key"`
	Messages []Asked    `json:"messages"`
	LeaseMs  int64      `json:"leaseMs"`
	Held     []Held     `json:"held"`
	Seconds  int64      `json:"seconds"`
	Silent   bool       `json:"silent"`
	Ended    bool       `json:"ended"`
	ID       string     `json:"id"`
	Results  []string   `json:"results"`
	Stored   []*Stored  `json:"stored"`
	Received []Received `json:"received"`
}

type Asked struct {
	Body              string `json:"body"`
	Group             string `json:"group"`
	DeduplicationID   string `json:"deduplicationId"`
	DelaySeconds      int64  `json:"delaySeconds"`
	TimeToLiveSeconds int64  `json:"timeToLiveSeconds"`
}

type Held struct {
	ID     string `json:"id"`
	Handle string `json:"handle"`
}

type Stored struct {
	ID       string `json:"id"`
	Sequence string `json:"sequence"`
}

type Received struct {
	Held
	Body     string `json:"body"`
	Group    string `json:"group"`
	Sequence string `json:"sequence"`
	Count    int    `json:"count"`
	Until    int64  `json:"until"`
}

const never = math.MaxInt64 / 4

// Results of operations. Every other code leaves open whether the operation took effect.
const (
	ok           = "ok"
	leaseLost    = "LeaseLost"
	notFound     = "MessageNotFound"
	inProgress   = "OperationInProgress"
	unknown      = ""
	storedAgain  = "stored again"
	endOfHistory = "end"
	together     = "together"
)

// operation is one step of a model: one operation on one message, or a poll's claim of several messages of a group.
type operation struct {
	kind   string
	client string
	// call and ret are instants of the true clock; ret is the constant never where the outcome is unknown.
	call, ret int64
	// clock is the client's own clock at the call.
	clock  int64
	result string
	dead   bool
	// message is the message's place in the partition; the names are those of its publish.
	message  int
	identity string
	id       string
	token    string
	body     string
	sequence string
	// silent reports whether success is no evidence where the handle is outdated or its lease is over.
	silent bool
	// repeatable reports whether the publish has a deduplication id or a key.
	repeatable bool
	ms         int64
	ttlMs      int64
	// claimed holds the messages of a claim, in the order in which they were received.
	claimed []claim
	// by is the instant by which an operation of unknown outcome has taken effect, or never will: later operations on the message show it.
	by int64
	// ended reports whether the answer is missing because the server was killed: the operation took effect before that, or never.
	ended bool
	// follows reports whether the operation comes after those that return in the instant of its call.
	follows bool
	// parts are operations of one request that the checker tries as one.
	parts []operation
}

type claim struct {
	message  int
	id       string
	body     string
	token    string
	sequence string
	count    int
	// until is 0 where the answer to the client does not have it.
	until     int64
	claimedAt int64
	leaseMs   int64
}

// resultAt is the result for one of the messages, and unknown where the result is not final.
func (line *Line) resultAt(at int) string {
	if line.Return == nil || at >= len(line.Results) {
		return unknown
	}
	switch result := line.Results[at]; result {
	case ok, leaseLost, notFound, inProgress, "TransactionCanceled", "InvalidRequest":
		return result
	default:
		return unknown
	}
}

func (line *Line) operation(kind, result string) operation {
	ret := int64(never)
	if line.Return != nil && result != unknown {
		ret = *line.Return
	}
	by := ret
	ended := line.Ended && line.Return != nil
	if ended {
		by = *line.Return
	}
	return operation{kind: kind, client: line.Client, call: line.Call, ret: ret, by: by, ended: ended, clock: line.Clock, result: result}
}

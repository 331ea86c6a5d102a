// Reads an event from standard input and prints the answers of three handlers, one JSON a line: all done, one failed, nothing set.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-lambda-go/events"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	check(err)
	var event events.SQSEvent
	check(json.Unmarshal(input, &event))
	first := event.Records[0]
	if first.MessageId == "" || first.ReceiptHandle == "" || first.EventSource != "aws:sqs" || first.Md5OfBody == "" {
		check(fmt.Errorf("a field is missing: %+v", first))
	}
	if text := first.MessageAttributes["text"].StringValue; text == nil || *text != "a" {
		check(fmt.Errorf("the attribute text is %v", text))
	}
	if string(first.MessageAttributes["bytes"].BinaryValue) != "\x01\x02" {
		check(fmt.Errorf("the attribute bytes is %v", first.MessageAttributes["bytes"].BinaryValue))
	}
	bodies := []string{}
	for _, record := range event.Records {
		bodies = append(bodies, record.Body)
	}
	failure := events.SQSBatchItemFailure{ItemIdentifier: event.Records[len(event.Records)-1].MessageId}
	print(bodies)
	print(events.SQSEventResponse{})
	print(events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{failure}})
}

func print(value any) {
	text, err := json.Marshal(value)
	check(err)
	fmt.Println(string(text))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

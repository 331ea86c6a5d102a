"""Reads an event from standard input and prints the answers of handlers, one JSON a line: bodies, all done, those with "bad" failed."""
import json
import sys

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes import SQSEvent

event = json.load(sys.stdin)
fifo = event["Records"][0]["eventSourceARN"].endswith(".fifo")


def processor():
    return SqsFifoPartialProcessor() if fifo else BatchProcessor(event_type=EventType.SQS)


def works(record):
    assert record.event_source == "aws:sqs" and record.receipt_handle and record.md5_of_body
    assert record.message_attributes["text"].string_value == "a"


def fails(record):
    if "bad" in record.body:
        raise ValueError(record.body)


print(json.dumps([record.body for record in SQSEvent(event).records]))
for handler in (works, fails):
    print(json.dumps(process_partial_response(event=event, record_handler=handler, processor=processor(), context={})))

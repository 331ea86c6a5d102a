import { blob, boolean, integer, list, map, string, structure, type Value } from './shapes.ts'

/** `QueueUrl` is never required: the path of the request can name the queue. */
const queueOnly = structure({ QueueUrl: string })
const nothing = structure({})
const attributes = map(string, 'Attribute')
const tags = map(string, 'Tag', 'Key')

const attributeValue = structure({
  DataType: string,
  StringValue: string,
  BinaryValue: blob,
  StringListValues: list(string, 'StringListValue'),
  BinaryListValues: list(blob, 'BinaryListValue'),
})
export type AttributeValue = Value<typeof attributeValue>

const message = {
  MessageBody: string,
  DelaySeconds: integer,
  MessageAttributes: map(attributeValue, 'MessageAttribute'),
  MessageSystemAttributes: map(attributeValue, 'MessageSystemAttribute'),
  MessageDeduplicationId: string,
  MessageGroupId: string,
} as const
const sent = {
  MessageId: string,
  MD5OfMessageBody: string,
  MD5OfMessageAttributes: string,
  MD5OfMessageSystemAttributes: string,
  SequenceNumber: string,
} as const

const failedEntries = list(
  structure({ Id: string, SenderFault: boolean, Code: string, Message: string }),
  'BatchResultErrorEntry',
)
const idOnly = structure({ Id: string })

/**
 * Input and output of every action, as in the service model of SQS.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
 */
export const MODEL = {
  AddPermission: {
    input: structure(
      {
        QueueUrl: string,
        Label: string,
        AWSAccountIds: list(string, 'AWSAccountId'),
        Actions: list(string, 'ActionName'),
      },
      ['Label', 'AWSAccountIds', 'Actions'],
    ),
    output: nothing,
  },
  CancelMessageMoveTask: {
    input: structure({ TaskHandle: string }, ['TaskHandle']),
    output: structure({ ApproximateNumberOfMessagesMoved: integer }),
  },
  ChangeMessageVisibility: {
    input: structure({ QueueUrl: string, ReceiptHandle: string, VisibilityTimeout: integer }, [
      'ReceiptHandle',
      'VisibilityTimeout',
    ]),
    output: nothing,
  },
  ChangeMessageVisibilityBatch: {
    input: structure({
      QueueUrl: string,
      Entries: list(
        structure({ Id: string, ReceiptHandle: string, VisibilityTimeout: integer }),
        'ChangeMessageVisibilityBatchRequestEntry',
      ),
    }),
    output: structure({
      Successful: list(idOnly, 'ChangeMessageVisibilityBatchResultEntry'),
      Failed: failedEntries,
    }),
  },
  CreateQueue: {
    input: structure({ QueueName: string, Attributes: attributes, tags }, ['QueueName']),
    output: structure({ QueueUrl: string }),
  },
  DeleteMessage: {
    input: structure({ QueueUrl: string, ReceiptHandle: string }, ['ReceiptHandle']),
    output: nothing,
  },
  DeleteMessageBatch: {
    input: structure({
      QueueUrl: string,
      Entries: list(structure({ Id: string, ReceiptHandle: string }), 'DeleteMessageBatchRequestEntry'),
    }),
    output: structure({ Successful: list(idOnly, 'DeleteMessageBatchResultEntry'), Failed: failedEntries }),
  },
  DeleteQueue: { input: queueOnly, output: nothing },
  GetQueueAttributes: {
    input: structure({ QueueUrl: string, AttributeNames: list(string, 'AttributeName') }),
    output: structure({ Attributes: attributes }),
  },
  GetQueueUrl: {
    input: structure({ QueueName: string, QueueOwnerAWSAccountId: string }, ['QueueName']),
    output: structure({ QueueUrl: string }),
  },
  ListDeadLetterSourceQueues: {
    input: structure({ QueueUrl: string, NextToken: string, MaxResults: integer }),
    output: structure({ queueUrls: list(string, 'QueueUrl'), NextToken: string }),
  },
  ListMessageMoveTasks: {
    input: structure({ SourceArn: string, MaxResults: integer }, ['SourceArn']),
    output: structure({
      Results: list(
        structure({
          TaskHandle: string,
          Status: string,
          SourceArn: string,
          DestinationArn: string,
          MaxNumberOfMessagesPerSecond: integer,
          ApproximateNumberOfMessagesMoved: integer,
          ApproximateNumberOfMessagesToMove: integer,
          FailureReason: string,
          StartedTimestamp: integer,
        }),
        'ListMessageMoveTasksResultEntry',
      ),
    }),
  },
  ListQueueTags: { input: queueOnly, output: structure({ Tags: tags }) },
  ListQueues: {
    input: structure({ QueueNamePrefix: string, NextToken: string, MaxResults: integer }),
    output: structure({ QueueUrls: list(string, 'QueueUrl'), NextToken: string }),
  },
  PurgeQueue: { input: queueOnly, output: nothing },
  ReceiveMessage: {
    input: structure({
      QueueUrl: string,
      AttributeNames: list(string, 'AttributeName'),
      MessageSystemAttributeNames: list(string, 'MessageSystemAttributeName'),
      MessageAttributeNames: list(string, 'MessageAttributeName'),
      MaxNumberOfMessages: integer,
      VisibilityTimeout: integer,
      WaitTimeSeconds: integer,
      ReceiveRequestAttemptId: string,
    }),
    output: structure({
      Messages: list(
        structure({
          MessageId: string,
          ReceiptHandle: string,
          MD5OfBody: string,
          Body: string,
          Attributes: attributes,
          MD5OfMessageAttributes: string,
          MessageAttributes: map(
            // The action encodes the bytes as base64.
            structure({ DataType: string, StringValue: string, BinaryValue: string }),
            'MessageAttribute',
          ),
        }),
        'Message',
      ),
    }),
  },
  RemovePermission: {
    input: structure({ QueueUrl: string, Label: string }, ['Label']),
    output: nothing,
  },
  SendMessage: {
    input: structure({ QueueUrl: string, ...message }),
    output: structure(sent),
  },
  SendMessageBatch: {
    input: structure({
      QueueUrl: string,
      Entries: list(structure({ Id: string, ...message }), 'SendMessageBatchRequestEntry'),
    }),
    output: structure({
      Successful: list(structure({ Id: string, ...sent }), 'SendMessageBatchResultEntry'),
      Failed: failedEntries,
    }),
  },
  SetQueueAttributes: {
    input: structure({ QueueUrl: string, Attributes: attributes }, ['Attributes']),
    output: nothing,
  },
  StartMessageMoveTask: {
    input: structure({ SourceArn: string, DestinationArn: string, MaxNumberOfMessagesPerSecond: integer }, [
      'SourceArn',
    ]),
    output: structure({ TaskHandle: string }),
  },
  TagQueue: { input: structure({ QueueUrl: string, Tags: tags }, ['Tags']), output: nothing },
  UntagQueue: {
    input: structure({ QueueUrl: string, TagKeys: list(string, 'TagKey') }, ['TagKeys']),
    output: nothing,
  },
} as const

export type ActionName = keyof typeof MODEL
export type Input<A extends ActionName> = Value<(typeof MODEL)[A]['input']>
export type Output<A extends ActionName> = Value<(typeof MODEL)[A]['output']>

export const ACTION_NAMES = Object.keys(MODEL) as readonly ActionName[]

export const isAction = (name: string): name is ActionName => Object.hasOwn(MODEL, name)

const READ_ONLY: ReadonlySet<string> = new Set([
  'GetQueueAttributes',
  'GetQueueUrl',
  'ListDeadLetterSourceQueues',
  'ListMessageMoveTasks',
  'ListQueueTags',
  'ListQueues',
] satisfies ActionName[])

/** Whether an action changes a queue or a message. A receive does: it hides the messages that it answers. */
export const changesState = (name: string): boolean => isAction(name) && !READ_ONLY.has(name)

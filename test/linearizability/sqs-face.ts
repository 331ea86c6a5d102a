import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { ReceivedMessage } from '../simulation/operations.ts'
import { type Face, type FaceOf, GIVEN_UP_MS } from './http-face.ts'

const receivedFrom = ({
  MessageId = '',
  ReceiptHandle = '',
  Body = '',
  Attributes = {},
}: Message): ReceivedMessage => ({
  id: MessageId,
  handle: ReceiptHandle,
  body: Body,
  group: Attributes.MessageGroupId,
  sequence: Attributes.SequenceNumber,
  count: Number(Attributes.ApproximateReceiveCount),
  // SQS does not tell when a lease ends.
  until: 0,
})

/** Through the SQS protocol, with AWS's own client, which sends nothing again here. What SQS lacks is left out. */
export const sqsFace = ({ name, url, log }: FaceOf): Face => {
  const client = new SQSClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
    requestHandler: { requestTimeout: GIVEN_UP_MS },
  })
  const urlOf = (queue: string) => `${url}/000000000000/${queue}`
  return {
    keys: false,
    publish: async (queue, messages) => {
      const answered = log.asked(name, { op: 'publish', queue, messages })
      const Entries = messages.map(({ body, group, deduplicationId, delaySeconds }, at) => ({
        Id: String(at),
        MessageBody: body,
        MessageGroupId: group,
        MessageDeduplicationId: deduplicationId,
        DelaySeconds: delaySeconds,
      }))
      const sent = await client
        .send(new SendMessageBatchCommand({ QueueUrl: urlOf(queue), Entries }))
        .catch(() => undefined)
      if (!sent) return undefined
      const stored = messages.map((_, at) => {
        const one = sent.Successful?.find(({ Id }) => Id === String(at))
        return one ? { id: one.MessageId as string, sequence: one.SequenceNumber } : null
      })
      answered({ results: stored.map((one) => (one ? 'ok' : '')), stored })
      return stored.flatMap((one) => (one ? [one.id] : []))
    },
    poll: async (queue, { maxMessages, leaseSeconds, waitSeconds }) => {
      const answered = log.asked(name, { op: 'poll', queue, leaseMs: leaseSeconds * 1_000 })
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: urlOf(queue),
          MaxNumberOfMessages: maxMessages,
          VisibilityTimeout: leaseSeconds,
          WaitTimeSeconds: waitSeconds,
          MessageSystemAttributeNames: ['All'],
        }),
      )
      const received = Messages.map(receivedFrom)
      answered({ received })
      return received
    },
    settle: async (op, queue, held) => {
      if (op !== 'ack') return
      const answered = log.asked(name, { op, queue, held, silent: true })
      const Entries = held.map(({ handle }, at) => ({ Id: String(at), ReceiptHandle: handle }))
      const { Successful = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: urlOf(queue), Entries }))
      answered({ results: held.map((_, at) => (Successful.some(({ Id }) => Id === String(at)) ? 'ok' : '')) })
    },
    cancel: async () => {},
  }
}

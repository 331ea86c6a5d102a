import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { ReceivedMessage } from '../simulation/operations.ts'
import { asking, type Face, type FaceOf, GIVEN_UP_MS, idsIn } from './face.ts'

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
  // SQS does not return the end of a lease.
  until: 0,
})

/** Through the SQS protocol, with AWS's own client, which repeats no request here. Operations that SQS lacks are left out. */
export const sqsFace = (face: FaceOf): Face => {
  const client = new SQSClient({
    endpoint: face.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
    requestHandler: { requestTimeout: GIVEN_UP_MS },
  })
  const urlOf = (queue: string) => `${face.url}/000000000000/${queue}`
  return {
    keys: false,
    publish: async (queue, messages) => {
      const Entries = messages.map(({ body, group, deduplicationId, delaySeconds }, at) => ({
        Id: String(at),
        MessageBody: body,
        MessageGroupId: group,
        MessageDeduplicationId: deduplicationId,
        DelaySeconds: delaySeconds,
      }))
      const answer = await asking(face, { op: 'publish', queue, messages }, async () => {
        const sent = await client.send(new SendMessageBatchCommand({ QueueUrl: urlOf(queue), Entries }))
        const stored = messages.map((_, at) => {
          const one = sent.Successful?.find(({ Id }) => Id === String(at))
          return one ? { id: one.MessageId as string, sequence: one.SequenceNumber } : null
        })
        return { results: stored.map((one) => (one ? 'ok' : '')), stored }
      })
      return idsIn(answer)
    },
    poll: async (queue, { maxMessages, leaseSeconds, waitSeconds }) => {
      const command = new ReceiveMessageCommand({
        QueueUrl: urlOf(queue),
        MaxNumberOfMessages: maxMessages,
        VisibilityTimeout: leaseSeconds,
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ['All'],
      })
      const { received } = await asking(face, { op: 'poll', queue, leaseMs: leaseSeconds * 1_000 }, async () => {
        const { Messages = [] } = await client.send(command)
        return { received: Messages.map(receivedFrom) }
      })
      return received
    },
    settle: async (op, queue, held) => {
      if (op !== 'ack') return
      const Entries = held.map(({ handle }, at) => ({ Id: String(at), ReceiptHandle: handle }))
      await asking(face, { op, queue, held, silent: true }, async () => {
        const { Successful = [] } = await client.send(
          new DeleteMessageBatchCommand({ QueueUrl: urlOf(queue), Entries }),
        )
        return { results: held.map((_, at) => (Successful.some(({ Id }) => Id === String(at)) ? 'ok' : '')) }
      })
    },
    cancel: async () => {},
  }
}

// A program that was written for SQS. Only the endpoint is new: set AWS_ENDPOINT_URL_SQS, and nothing here changes.
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'

const sqs = new SQSClient({})
const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'orders' }))
await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ order: 1 }) }))

const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }))
for (const { Body, ReceiptHandle } of Messages) {
  console.log(`received ${Body}`)
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
}

import { App, Duration, Stack } from 'aws-cdk-lib'
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { QueueService } from 'holdfast/cdk'

const stack = new Stack(new App(), 'Shop')
const holdfast = new QueueService(stack, 'Holdfast')
const failed = holdfast.addQueue('orders-failed')
const orders = holdfast.addQueue('orders', { deadLetter: { queue: failed, maxReceives: 5 } })

// A function that was written for SQS: it gets SQS's event, and its answer names the failed messages.
orders.addConsumer(
  new LambdaFunction(stack, 'Warehouse', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    timeout: Duration.seconds(20),
    code: Code.fromInline(`exports.handler = async ({ Records }) => {
      const batchItemFailures = []
      for (const { messageId, body } of Records) {
        if (!('order' in JSON.parse(body))) batchItemFailures.push({ itemIdentifier: messageId })
      }
      return { batchItemFailures }
    }`),
  }),
  { batchSize: 10, maxConcurrency: 5 },
)
orders.alarmOnAge(300)

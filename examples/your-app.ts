import { App, Duration, Stack } from 'aws-cdk-lib'
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { QueueService } from '../infra/queue-service.ts'

const stack = new Stack(new App(), 'Shop')
const functionOf = (name: string) =>
  new LambdaFunction(stack, name, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('exports.handler = async () => {}'),
    timeout: Duration.seconds(30),
  })

const holdfast = new QueueService(stack, 'Holdfast', { memoryMb: 1024 })
const failed = holdfast.addQueue('orders-failed')
const orders = holdfast.addQueue('orders', {
  deadLetter: { queue: failed, maxReceives: 5 },
  settings: { visibilityTimeoutSeconds: 60 },
})
orders.grantPublish(functionOf('Checkout')) // with the library, on the table itself
orders.grantConsume(functionOf('Warehouse')) // poll, ack, extend, nack, and move exhausted messages to orders-failed
orders.grantInvoke(functionOf('Partner'), 'publish') // through the HTTP API
orders.alarmOnAge(300)

import { App, Duration, Stack } from 'aws-cdk-lib'
import { HttpApi, HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { HoldfastEventSource } from '../../infra/event-source.ts'
import { QueueService } from '../../infra/queue-service.ts'
import { bundled } from './bundled.ts'

export const app = new App()
const stack = new Stack(app, 'Shop')
const functionOf = (name: string, environment: Record<string, string> = {}) =>
  new LambdaFunction(stack, name, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromAsset(bundled(name)),
    timeout: Duration.seconds(30),
    environment,
  })

const holdfast = new QueueService(stack, 'Service')
const settings = { visibilityTimeoutSeconds: 60 }

// The warehouse gets orders in batches. An order that fails five times moves to orders-failed.
const failed = holdfast.addQueue('orders-failed')
const orders = holdfast.addQueue('orders', { settings, deadLetter: { queue: failed, maxReceives: 5 } })
orders.addConsumer(functionOf('warehouse'), { batchSize: 50, batchingWindowSeconds: 1, maxConcurrency: 5 })

// The function gets each customer's letters in order, one batch of a customer at a time.
const letters = holdfast.addQueue('letters.fifo', { settings })
functionOf('letters').addEventSource(new HoldfastEventSource(letters))

// The producer behind an API, which publishes an order and its letter.
const shop = functionOf('shop', { HOLDFAST_TABLE: holdfast.table.tableName })
orders.grantPublish(shop)
letters.grantPublish(shop)
new HttpApi(stack, 'Api').addRoutes({
  path: '/orders',
  methods: [HttpMethod.POST],
  integration: new HttpLambdaIntegration('Shop', shop),
  authorizer: new HttpIamAuthorizer(),
})

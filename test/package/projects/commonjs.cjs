// CommonJS: Node 20.19 and later let `require` load ES modules.
const { createClient, memoryStore } = require('holdfast')
const { openTelemetry } = require('holdfast/opentelemetry')
const { createTestQueue } = require('holdfast/testing')
const { queueHandler } = require('holdfast/lambda')

if (![createClient, openTelemetry, createTestQueue, queueHandler].every((one) => typeof one === 'function')) {
  throw new Error('an entry exports something else')
}
const client = createClient({ store: memoryStore() })
client.close().then(() => console.log('commonjs: works'))

// Traces and metrics where OpenTelemetry's API is installed.
import { trace } from '@opentelemetry/api'
import { createClient, memoryStore } from 'holdfast'
import { openTelemetry } from 'holdfast/opentelemetry'

const started = []
trace.setGlobalTracerProvider({
  getTracer: (scope) => ({
    startSpan: (name) => {
      started.push(`${scope}: ${name}`)
      return trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 })
    },
  }),
})
const client = createClient({ store: memoryStore(), telemetry: openTelemetry() })
await client.createQueue('orders')
await client.queue('orders').publish(1)
if (started.join() !== 'holdfast: publish orders') throw new Error(`other spans: ${started.join()}`)
console.log('opentelemetry: works')

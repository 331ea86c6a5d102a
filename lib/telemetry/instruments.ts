import { type Counter, type Histogram, type MeterProvider, metrics } from '@opentelemetry/api'

/** The metrics of the conventions for messaging clients. */
export interface Instruments {
  readonly operationDuration: Histogram
  readonly processDuration: Histogram
  readonly sent: Counter
  readonly consumed: Counter
}

/** The boundaries of histograms of seconds that the conventions require. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/**
 * The instruments of the meter provider that is registered now. Unlike a tracer, a meter taken before the process registers
 * its provider never records anything. So each use asks for the provider again.
 */
export const instruments = (scope: string): (() => Instruments) => {
  let provider: MeterProvider | undefined
  let made: Instruments | undefined
  return () => {
    const current = metrics.getMeterProvider()
    if (!made || provider !== current) {
      provider = current
      made = instrumentsOf(current, scope)
    }
    return made
  }
}

const instrumentsOf = (provider: MeterProvider, scope: string): Instruments => {
  const meter = provider.getMeter(scope)
  const histogram = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: SECONDS } })
  const counter = (name: string, description: string): Counter =>
    meter.createCounter(name, { description, unit: '{message}' })
  return {
    operationDuration: histogram('messaging.client.operation.duration', 'Duration of an operation of a client.'),
    processDuration: histogram('messaging.process.duration', 'Duration of a handler.'),
    sent: counter('messaging.client.sent.messages', 'Messages that a producer tried to send.'),
    consumed: counter('messaging.client.consumed.messages', 'Messages that were delivered to the application.'),
  }
}

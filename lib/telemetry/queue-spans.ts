import {
  type Attributes,
  type Context,
  context,
  diag,
  type Link,
  type Span,
  type SpanKind,
  type SpanOptions,
  trace,
} from '@opentelemetry/api'
import { instruments } from './instruments.ts'
import { errorType, markFailed } from './span-parts.ts'
import type { Server } from './telemetry.ts'

/** The instrumentation scope of all spans and metrics. */
const SCOPE = 'holdfast'

/** An operation, as its span and its metrics name it. */
export interface Operation {
  /** The client's name for the operation. */
  readonly name: string
  /** The conventions' name for the operation. */
  readonly type: 'create' | 'send' | 'receive' | 'process' | 'settle'
  readonly kind: SpanKind
  readonly parent?: Context
  readonly links?: readonly Link[]
  readonly attributes?: Attributes
}

type Named = Pick<Operation, 'name' | 'type'>

interface Failure {
  readonly error: unknown
}

/** Starts the spans and records the metrics of one queue's client. */
export class QueueSpans {
  readonly #queue: string
  readonly #tracer = trace.getTracer(SCOPE)
  readonly #metrics = instruments(SCOPE)
  readonly #common: Attributes

  constructor(queue: string, server: Server | undefined) {
    this.#queue = queue
    this.#common = {
      'messaging.system': 'holdfast',
      'messaging.destination.name': queue,
      ...(server && { 'server.address': server.address }),
      ...(server?.port !== undefined && { 'server.port': server.port }),
    }
  }

  start(operation: Operation): { span: Span; within: Context } {
    const { name, kind, parent = context.active(), links = [], attributes = {} } = operation
    const options: SpanOptions = {
      kind,
      links: [...links],
      attributes: { ...this.#labelsOf(operation), ...attributes },
    }
    const span = this.#tracer.startSpan(`${name} ${this.#queue}`, options, parent)
    return { span, within: trace.setSpan(parent, span) }
  }

  /** Runs work in a span. `judge` finds the error in what the work returns, when the work does not throw. */
  async run<T>(
    operation: Operation,
    work: (span: Span, within: Context) => Promise<T>,
    judge: (result: T, span: Span) => unknown = () => undefined,
  ): Promise<T> {
    const startedAt = performance.now()
    const { span, within } = this.start(operation)
    const end = (error: unknown): void => {
      if (error !== undefined) markFailed(span, error)
      span.end()
      this.#recordDuration(operation, startedAt, error === undefined ? undefined : { error })
    }
    try {
      const result = await context.with(within, () => work(span, within))
      harmless(() => end(judge(result, span)))
      return result
    } catch (error) {
      harmless(() => end(error))
      throw error
    }
  }

  /** Runs work without a span, and measures it. */
  async measure<T>(operation: Named, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      const result = await work()
      harmless(() => this.#recordDuration(operation, startedAt, undefined))
      return result
    } catch (error) {
      harmless(() => this.#recordDuration(operation, startedAt, { error }))
      throw error
    }
  }

  countSent(operation: Named, failure: Failure | undefined): void {
    harmless(() => this.#metrics().sent.add(1, { ...this.#labelsOf(operation), ...failureLabel(failure) }))
  }

  countConsumed(operation: Named, count: number): void {
    if (count > 0) this.#metrics().consumed.add(count, this.#labelsOf(operation))
  }

  #labelsOf({ name, type }: Named): Attributes {
    return { ...this.#common, 'messaging.operation.name': name, 'messaging.operation.type': type }
  }

  #recordDuration(operation: Named, startedAt: number, failure: Failure | undefined): void {
    const labels = { ...this.#labelsOf(operation), ...failureLabel(failure) }
    const duration = operation.type === 'process' ? this.#metrics().processDuration : this.#metrics().operationDuration
    duration.record((performance.now() - startedAt) / 1_000, labels)
  }
}

const failureLabel = (failure: Failure | undefined): Attributes =>
  failure ? { 'error.type': errorType(failure.error) } : {}

/** Keeps errors of telemetry from failing the operation that it reports, which has succeeded already. */
const harmless = (report: () => void): void => {
  try {
    report()
  } catch (error) {
    diag.error('a span or a metric of Holdfast failed', error)
  }
}

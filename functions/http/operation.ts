import type * as z from 'zod/mini'
import type { Engine } from '../../lib/engine.ts'
import type { MetricName } from '../runtime/metric-names.ts'
import type { ParametersIn } from './route-shape.ts'
import type { BodyOf, HeadersOf, OperationId, RouteOf } from './routes.ts'

/** A request, each part of which has the shape that its route gives. */
export interface Call<O extends OperationId> {
  readonly engine: Engine
  readonly params: Readonly<Record<ParametersIn<RouteOf<O>['path']>, string>>
  readonly query: z.output<RouteOf<O>['query']>
  readonly body: BodyOf<O>
  readonly headers: HeadersOf<O>
  /** Aborts when the caller has gone, or when the process must answer now. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** What the operation did, for the metrics. */
  readonly counted?: Readonly<Partial<Record<MetricName, number>>>
}

/** The operations that one function serves, by the name in their route. */
export type Operations = { readonly [O in OperationId]?: (call: Call<O>) => Promise<Answer> }

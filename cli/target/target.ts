import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type * as z from 'zod/mini'
import type { ParametersIn } from '../../functions/http/route-shape.ts'
import type { OperationId, RouteOf } from '../../functions/http/routes.ts'
import type { UsageAnswer } from '../../functions/local/usage-log.ts'
import type { Engine } from '../../lib/engine.ts'
import type { AwsAccess } from '../cost/aws.ts'
import type { Units } from '../cost/table-units.ts'

/** The JSON with which an operation answers; undefined where its route has no body. */
export type AnswerOf<O extends OperationId> = {
  [S in keyof RouteOf<O>['answers']]: RouteOf<O>['answers'][S] extends z.ZodMiniType
    ? z.output<RouteOf<O>['answers'][S]>
    : undefined
}[keyof RouteOf<O>['answers']]

export interface CallParts<O extends OperationId> {
  /** The parameters in the route's path. */
  readonly params?: Readonly<Record<ParametersIn<RouteOf<O>['path']>, string>>
  /** Members that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** For a publish, which is stored once, however often it is sent within ten minutes. @default a random one over HTTP */
  readonly idempotencyKey?: string
  /** Aborts the call. For reads and polls alone: the outcome of an aborted change would not be known. */
  readonly signal?: AbortSignal
}

/** Where the queues are that a command works on. A table, an API and a local server answer the same operations. */
export interface Target {
  /** For people: `table holdfast`, `http://127.0.0.1:9324`. */
  readonly name: string
  /** The options that lead to this target, for commands that are printed: `--table holdfast`; nothing for the local server. */
  readonly options: string
  /** The table, where this process reaches it without a server. */
  readonly table?: TableAccess
  /** What a queue used in these last seconds; absent where no server counts it. */
  readonly usage?: (queue: string, seconds: number, signal: AbortSignal) => Promise<UsageAnswer>
  /** The caller's credentials and the region, where the queues are in AWS. */
  readonly aws?: () => Promise<AwsAccess>
  /** @throws `HoldfastError`, with the code, the message and the advice of the problem */
  call<O extends OperationId>(operation: O, parts?: CallParts<O>): Promise<AnswerOf<O>>
  close(): Promise<void>
}

/** A table, with the caller's own rights. */
export interface TableAccess {
  readonly name: string
  readonly client: DynamoDBClient
  readonly engine: Engine
  /** What this process used of a queue. */
  readonly units: (queue: string) => Units
}

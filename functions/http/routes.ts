import type * as z from 'zod/mini'
import { messageRoutes } from './message-routes.ts'
import { queueRoutes, redriveRoutes, triggerRoutes } from './queue-routes.ts'
import { queueName, text } from './shapes.ts'

/** Shapes of the parameters in paths. */
export const PATH_PARAMETERS = {
  queue: queueName,
  messageId: text(1, 128),
  taskId: text(1, 128),
} as const

/**
 * Every route of the HTTP API. The deployment connects each to its function, the local server and the tests serve
 * them, and the OpenAPI document is built from them.
 */
export const routes = [...queueRoutes, ...triggerRoutes, ...messageRoutes, ...redriveRoutes] as const

export type Route = (typeof routes)[number]
export type OperationId = Route['operation']
export type RouteOf<O extends OperationId> = Extract<Route, { operation: O }>

export type HeadersOf<O extends OperationId> =
  RouteOf<O> extends { headers: infer H extends z.ZodMiniType } ? z.output<H> : Readonly<Record<string, never>>
export type BodyOf<O extends OperationId> = RouteOf<O>['request'] extends z.ZodMiniType
  ? z.output<RouteOf<O>['request']>
  : undefined

import * as z from 'zod/mini'

/** One route of the HTTP API. */
export interface RouteShape {
  readonly operation: string
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** A path as OpenAPI and API Gateway write it, with parameters in braces. */
  readonly path: `/${string}`
  /** Name of the file in `functions/`, and of the Lambda. */
  readonly function: string
  readonly summary: string
  readonly query: z.ZodMiniType
  /** Headers that the operation reads; it ignores all others. */
  readonly headers?: z.ZodMiniObject
  /** Shape of the JSON body; `undefined` for requests without one. */
  readonly request: z.ZodMiniType | undefined
  /** Shape of the body by status. */
  readonly answers: Readonly<Record<number, z.ZodMiniType | undefined>>
}

/** The names between the braces of a path. */
export type ParametersIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParametersIn<Rest>
  : never

/** A query or a body with no members. */
export const none = z.strictObject({})

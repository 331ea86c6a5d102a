import type { AnswerBudget } from '../../lib/engine.ts'

/** A request to the SQS endpoint, independent of the server that received it. */
export interface SqsRequest {
  readonly method: string
  /** The URL's path, as received. */
  readonly path: string
  /** Whether the connection used TLS, as the server knows it. Headers are not trusted for this. */
  readonly secure: boolean
  /** The whole URL, parsed on the first call. */
  url(): URL
  /** A header's value, by its name in lower case. */
  header(name: string): string | undefined
  /** The whole body. @throws `RequestEntityTooLarge` before more than the limit is held in memory */
  body(): Promise<Buffer>
  /** Aborts when the request has to be answered at once, or when the caller has disconnected. */
  readonly signal: AbortSignal
  /** Bounds the bytes of messages in answers. @default no bound */
  readonly answerBudget?: AnswerBudget | undefined
}

export interface SqsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

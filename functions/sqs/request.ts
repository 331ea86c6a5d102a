/** A request to the SQS endpoint, whichever kind of server received it. */
export interface SqsRequest {
  readonly method: string
  /** The URL's path, as received. */
  readonly path: string
  /** Whether it came over TLS, as the server that received it knows: headers only claim it. */
  readonly secure: boolean
  /** The whole URL; parsed for who looks at it. */
  url(): URL
  /** A header's value, by its name in lower case. */
  header(name: string): string | undefined
  /** All of the body. @throws `RequestEntityTooLarge` before more than the limit is held in memory */
  body(): Promise<Buffer>
  /** Aborts when an answer is due now, whatever the state of the request, or when nobody waits for one. */
  readonly signal: AbortSignal
}

export interface SqsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

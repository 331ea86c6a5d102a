import { type Agent, type ClientRequest, request } from 'node:http'

export interface SqsAnswer {
  /** 0 where the connection ended without an answer. */
  readonly status: number
  readonly text: string
}

export interface SentRequest {
  readonly answered: Promise<SqsAnswer>
  /** Ends the connection. */
  abandon(): void
}

/** Sends a request of the SQS protocol, on a connection of its own unless an agent has one, and does not repeat it. */
export const sqsRequest = (url: string, action: string, input: object, agent: Agent | false = false): SentRequest => {
  let sent: ClientRequest | undefined
  const answered = new Promise<SqsAnswer>((resolve) => {
    const body = JSON.stringify(input)
    const headers = {
      'x-amz-target': `AmazonSQS.${action}`,
      'content-type': 'application/x-amz-json-1.0',
      'content-length': String(Buffer.byteLength(body)),
    }
    const failed = () => resolve({ status: 0, text: '' })
    sent = request(url, { method: 'POST', headers, agent }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      answer.on('error', failed)
    })
    sent.on('error', failed)
    sent.end(body)
  })
  return { answered, abandon: () => sent?.destroy() }
}

/** The number of answers with each status. */
export const statuses = (answers: readonly SqsAnswer[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { status } of answers) {
    const name = status === 0 ? 'no answer' : `${status}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

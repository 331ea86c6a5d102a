import { connect, type Socket } from 'node:net'

export type Call = (action: string, input: object) => Promise<Record<string, unknown>>

/**
 * A client of SQS's JSON protocol that does as little work as possible for each request: a client that worked more than the
 * server would measure itself. Its sockets stay open.
 */
export const rawClient = (port: number, connections: number): Call => {
  const send = pool(port, connections, 'application/x-amz-json-1.0')
  return async (action, input) => {
    const body = await send(action, JSON.stringify(input))
    return body === '' ? {} : JSON.parse(body)
  }
}

/** Such a client of the query protocol. It reads only the queue's URL and the receipt handles of an answer. */
export const rawQueryClient = (port: number, connections: number): Call => {
  const send = pool(port, connections, 'application/x-www-form-urlencoded')
  return async (action, input) => {
    const form = new URLSearchParams({ Action: action, Version: '2012-11-05' })
    for (const [name, value] of Object.entries(input)) {
      if (Array.isArray(value)) addEntries(form, `${action}RequestEntry`, value)
      else form.set(name, String(value))
    }
    const body = await send(action, form.toString())
    const [, QueueUrl] = /<QueueUrl>([^<]*)/.exec(body) ?? []
    return {
      QueueUrl,
      Messages: [...body.matchAll(/<ReceiptHandle>([^<]*)/g)].map(([, ReceiptHandle]) => ({ ReceiptHandle })),
    }
  }
}

const addEntries = (form: URLSearchParams, prefix: string, entries: readonly Record<string, unknown>[]): void => {
  for (const [at, entry] of entries.entries()) {
    for (const [name, value] of Object.entries(entry)) form.set(`${prefix}.${at + 1}.${name}`, String(value))
  }
}

const pool = (port: number, connections: number, contentType: string) => {
  const idle = Array.from({ length: connections }, () => connection(port, contentType))
  return async (action: string, request: string): Promise<string> => {
    const own = idle.pop() ?? connection(port, contentType)
    const { status, body } = await own(action, request)
    idle.push(own)
    if (status !== 200) throw new Error(`${action}: ${status} ${body}`)
    return body
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

const connection = (port: number, contentType: string) => {
  let socket: Socket | undefined
  let received: Buffer = Buffer.alloc(0)
  let settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  const open = (): Socket => {
    const opened = connect({ port, host: '127.0.0.1', noDelay: true })
    opened.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const answer = answerIn(received)
      if (!answer) return
      received = Buffer.alloc(0)
      settle?.resolve(answer)
    })
    opened.on('error', (error) => settle?.reject(error))
    opened.on('close', () => {
      socket = undefined
      settle?.reject(new Error('the server closed the connection'))
    })
    return opened
  }

  return (action: string, body: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject }
      socket ??= open()
      socket.write(requestOf(port, contentType, action, body))
    })
}

const requestOf = (port: number, contentType: string, action: string, body: string): string =>
  [
    'POST / HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    `content-type: ${contentType}`,
    `x-amz-target: AmazonSQS.${action}`,
    'authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
    'connection: keep-alive',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')

/** The answer in the received bytes; undefined until all of it has arrived. */
const answerIn = (received: Buffer): Answer | undefined => {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = received.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const from = end + 4
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length === undefined) {
    const body = /^transfer-encoding: *chunked/im.test(head) ? inChunks(received, from) : undefined
    return body === undefined ? undefined : { status, body }
  }
  if (received.length < from + Number(length)) return undefined
  return { status, body: received.toString('utf8', from, from + Number(length)) }
}

/** The body whose chunks start at `from`; undefined until the last chunk has arrived. */
const inChunks = (received: Buffer, from: number): string | undefined => {
  const chunks: Buffer[] = []
  for (let at = from; ; ) {
    const end = received.indexOf('\r\n', at)
    if (end < 0) return undefined
    const length = Number.parseInt(received.toString('latin1', at, end), 16)
    const next = end + 2 + length + 2
    if (next > received.length) return undefined
    if (length === 0) return Buffer.concat(chunks).toString('utf8')
    chunks.push(received.subarray(end + 2, end + 2 + length))
    at = next
  }
}

import { connect, type Socket } from 'node:net'

export type Call = (action: string, input: object) => Promise<Record<string, unknown>>

/**
 * Requests of the JSON protocol over kept-alive sockets, with as little work for each as possible: a client that works
 * more than the server would measure itself. Answers must have a content length.
 */
export const rawClient = (port: number, connections: number): Call => {
  const idle = Array.from({ length: connections }, () => connection(port))
  return async (action, input) => {
    const own = idle.pop() ?? connection(port)
    const { status, body } = await own(action, JSON.stringify(input))
    idle.push(own)
    if (status !== 200) throw new Error(`${action}: ${status} ${body}`)
    return body === '' ? {} : JSON.parse(body)
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

const connection = (port: number) => {
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
      socket.write(requestOf(port, action, body))
    })
}

const requestOf = (port: number, action: string, body: string): string =>
  [
    'POST / HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    'content-type: application/x-amz-json-1.0',
    `x-amz-target: AmazonSQS.${action}`,
    'authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
    'connection: keep-alive',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')

/** The answer in what was received, once all of it is there. */
const answerIn = (received: Buffer): Answer | undefined => {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = received.toString('latin1', 0, end)
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without a length: ${head}`)
  const from = end + 4
  if (received.length < from + Number(length)) return undefined
  return { status: Number(head.slice(9, 12)), body: received.toString('utf8', from, from + Number(length)) }
}

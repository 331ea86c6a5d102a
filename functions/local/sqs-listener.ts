import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SqsExchange } from '../sqs/exchange.ts'
import type { SqsAnswer, SqsRequest } from '../sqs/request.ts'
import { bodyChunks, checkLength } from '../sqs/request-body.ts'

/** Answers one request that came over a socket of Node's own server: web requests on top would double its cost. */
export type SqsListener = (incoming: IncomingMessage, outgoing: ServerResponse, signal: AbortSignal) => Promise<void>

/** `answered` is called after every turn of the event loop in which something was answered. */
export const sqsListener = (exchange: SqsExchange, answered: () => void = ignore): SqsListener => {
  const write = writeTogether(answered)
  return async (incoming, outgoing, signal) => write(outgoing, await exchange(requestOf(incoming, signal)))
}

const requestOf = (incoming: IncomingMessage, signal: AbortSignal): SqsRequest => {
  const { headers, method = 'GET', url: target = '/' } = incoming
  let url: URL | undefined
  return {
    method,
    path: pathOf(target),
    secure: false,
    url: () => {
      url ??= urlOf(target, headers.host)
      return url
    },
    header: headerOf(incoming),
    body: () => readBody(incoming),
    signal,
  }
}

export const headerOf =
  ({ headers }: IncomingMessage): SqsRequest['header'] =>
  (name) => {
    const value: unknown = headers[name]
    // Not what every object has, such as a constructor.
    return typeof value === 'string' ? value : Array.isArray(value) ? value.join(', ') : undefined
  }

export const pathOf = (target: string): string => {
  const end = target.search(/[?#]/)
  return end < 0 ? target : target.slice(0, end)
}

const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/

/** Whatever is asked for, there is a URL: a target of a proxy's form is one itself. */
const urlOf = (target: string, host: string | undefined): URL => {
  const origin = `http://${host && HOST.test(host) ? host : 'localhost'}`
  const text = target.startsWith('/') ? origin + target : target
  return URL.canParse(text) ? new URL(text) : new URL(origin)
}

const readBody = (incoming: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks = bodyChunks()
    const refuse = (error: unknown) => {
      incoming.removeAllListeners('data').resume()
      reject(error)
    }
    try {
      checkLength(incoming.headers['content-length'])
    } catch (error) {
      return refuse(error)
    }
    incoming.on('data', (chunk: Buffer) => {
      try {
        chunks.add(chunk)
      } catch (error) {
        refuse(error)
      }
    })
    incoming.on('end', () => resolve(chunks.whole()))
    // The sender has gone half-way: nobody is left to answer.
    incoming.on('error', ignore)
  })

const ignore = (): void => {}

/**
 * Writes the answers of one turn of the event loop together, at its end. Each write wakes the client, which costs more
 * than the write itself, and a client that is quick has gone back to sleep before the next answer is there.
 */
const writeTogether = (written: () => void): ((outgoing: ServerResponse, answer: SqsAnswer) => void) => {
  let due: { readonly outgoing: ServerResponse; readonly answer: SqsAnswer }[] = []
  const writeDue = () => {
    const now = due
    due = []
    for (const { outgoing, answer } of now) write(outgoing, answer)
    written()
  }
  return (outgoing, answer) => {
    if (due.push({ outgoing, answer }) === 1) setImmediate(writeDue)
  }
}

export const write = (outgoing: ServerResponse, { status, headers, body }: SqsAnswer): void => {
  const head: string[] = ['content-length', String(Buffer.byteLength(body))]
  for (const name in headers) head.push(name, headers[name] as string)
  outgoing.writeHead(status, head)
  outgoing.end(body)
}

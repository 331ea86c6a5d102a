import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface AwsServices {
  /** Where a caller finds Lambda and Secrets Manager. */
  endpointFor(caller: string): string
  stop(): Promise<void>
}

export interface ServiceParts {
  /** The text of the one secret; undefined until one is stored. */
  readonly secret: () => string | undefined
  /** Whether a caller's role allows the action on the resource with this name. */
  readonly allows: (caller: string, action: string, resource: string) => boolean
  /** Takes an asynchronous invocation. */
  readonly invoked: (functionName: string, event: unknown) => void
  /** Runs a function and waits for its answer. */
  readonly run: (functionName: string, event: unknown) => Promise<unknown>
}

/** The little of Lambda and Secrets Manager that the functions use, with the rights that their roles have. */
export const startAwsServices = async ({ secret, allows, invoked, run }: ServiceParts): Promise<AwsServices> => {
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const [, caller = '', ...path] = (request.url ?? '').split('/')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
    if (request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue') {
      const resource = String(body.SecretId).split(':').at(-1) ?? ''
      if (!allows(caller, 'secretsmanager:GetSecretValue', resource)) return denied
      const text = secret()
      return text === undefined
        ? { status: 400, body: { __type: 'ResourceNotFoundException' } }
        : { status: 200, body: { SecretString: text } }
    }
    const called = /^2015-03-31\/functions\/([^/]+)\/invocations/.exec(path.join('/'))?.[1]
    if (called === undefined) return { status: 404, body: {} }
    const name = decodeURIComponent(called).split(':').at(-1) ?? ''
    if (!allows(caller, 'lambda:InvokeFunction', name)) return denied
    if (request.headers['x-amz-invocation-type'] === 'RequestResponse') {
      return { status: 200, body: (await run(name, body)) ?? null }
    }
    invoked(name, body)
    return { status: 202, body: '' }
  }
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body === '' ? '' : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = server.address() as AddressInfo
  return {
    endpointFor: (caller) => `http://127.0.0.1:${port}/${caller}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

const denied = { status: 403, body: { __type: 'AccessDeniedException' } }

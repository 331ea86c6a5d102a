import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { SqsEndpoint } from '../../../functions/sqs/endpoint.ts'

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** The endpoint behind a real socket. */
export const serveHttp = async (endpoint: SqsEndpoint): Promise<HttpServer> => {
  const server = createServer(getRequestListener((request) => endpoint(request)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}

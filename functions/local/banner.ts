export interface BannerFacts {
  readonly host: string
  readonly port: number
  /** Where the messages are. */
  readonly store: string
  /** A warning about the store for the user who starts the server. */
  readonly warning?: string | undefined
  /** Which queues of a file were created, changed and left as they were; undefined without a file. */
  readonly queues?: string | undefined
  /** Whether SQS clients must sign. */
  readonly signed: boolean
  /** Whether the HTTP API answers. */
  readonly httpOpen: boolean
  /** Whether other machines can reach the server. */
  readonly exposed: boolean
}

/** What the server prints at its start: commands to paste, and warnings. */
export const banner = ({ host, port, store, warning, queues, signed, httpOpen, exposed }: BannerFacts): string => {
  const url = serverUrl(host, port)
  const sqsKeys = signed ? '' : 'AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x '
  const open = [...(httpOpen ? ['the HTTP API'] : []), ...(signed ? [] : ['the SQS endpoint'])].join(' and ')
  const openNote = `Anyone who can reach port ${port} of ${host} can use ${open}. Clients that reach the server under a name need it started with --allowed-host NAME.`
  return [
    `Holdfast is listening on ${url}   (${store})`,
    ...(queues === undefined ? [] : [queues]),
    ...(httpOpen ? [`Console: ${url}/console`] : []),
    '',
    ...(httpOpen ? httpCommands(url) : []),
    `  ${sqsKeys}aws sqs list-queues --endpoint-url ${url} --region us-east-1`,
    '',
    ...(warning === undefined ? [] : [`Warning: ${warning}`, '']),
    ...(exposed && open !== '' ? [openNote, ''] : []),
    `HTTP API: ${httpOpen ? `${url}/openapi.json` : 'closed by --auth (--http-open opens it)'}   Stop with Ctrl-C.`,
  ].join('\n')
}

/** The address of a server that listens there, for clients on this machine. */
export const serverUrl = (host: string, port: number): string => `http://${reachableHost(host)}:${port}`

/** An address at which this machine reaches a server that listens on `host`. */
const reachableHost = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

const JSON_DATA = "-H 'content-type: application/json' -d"

const httpCommands = (url: string): string[] => [
  `  curl -X PUT ${url}/queues/orders`,
  `  curl ${url}/queues/orders/messages ${JSON_DATA} '{"messages":[{"body":{"order":1}}]}'`,
  `  curl ${url}/queues/orders/poll ${JSON_DATA} '{"maxMessages":10}'`,
  `  curl ${url}/queues/orders/ack ${JSON_DATA} '{"receiptHandles":["..."]}'`,
  '',
]

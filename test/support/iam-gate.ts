import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A statement of a role's policy, with references resolved. Only the forms that this project uses: `Allow`, on one table. */
export interface Statement {
  readonly Effect: string
  readonly Action: string | readonly string[]
  readonly Condition?: {
    readonly 'ForAllValues:StringLike'?: { readonly 'dynamodb:LeadingKeys': string | readonly string[] }
    readonly Null?: { readonly 'dynamodb:LeadingKeys': string }
  }
}

/** One thing that a request does, as IAM sees it. */
export interface Access {
  readonly action: string
  readonly leadingKeys: readonly string[]
}

export interface IamGate {
  /** Where a caller with these rights finds DynamoDB. */
  endpointFor(caller: string, statements: readonly Statement[]): string
  /** The actions that a caller has used. */
  usedBy(caller: string): ReadonlySet<string>
  /** Everything that a caller did and its policy allowed. */
  accessesBy(caller: string): readonly Access[]
  /** Refusals since the last call. */
  takeRefusals(): string[]
  stop(): Promise<void>
}

type Wire = { readonly S?: string } | undefined
interface Body {
  readonly Key?: { pk?: Wire }
  readonly Item?: { pk?: Wire }
  readonly KeyConditionExpression?: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues?: Record<string, Wire>
  readonly RequestItems?: Record<string, { Keys: { pk?: Wire }[] }>
  readonly TransactItems?: { [kind: string]: Body }[]
  readonly Statement?: string
  readonly Parameters?: Wire[]
  readonly Statements?: { Statement: string; Parameters?: Wire[] }[]
}

const text = (value: Wire): string[] => (value?.S === undefined ? [] : [value.S])

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html */
const accessesOf = (operation: string, body: Body): Access[] => {
  switch (operation) {
    case 'GetItem':
    case 'UpdateItem':
    case 'DeleteItem':
      return [{ action: operation, leadingKeys: text(body.Key?.pk) }]
    case 'PutItem':
      return [{ action: operation, leadingKeys: text(body.Item?.pk) }]
    case 'Query':
      return [{ action: operation, leadingKeys: text(body.ExpressionAttributeValues?.[partitionValue(body)]) }]
    case 'TransactGetItems':
      return (body.TransactItems ?? []).flatMap(({ Get = {} }) => accessesOf('GetItem', Get))
    case 'ExecuteStatement':
      return [statementAccess({ Statement: body.Statement ?? '', Parameters: body.Parameters ?? [] })]
    case 'BatchGetItem': {
      const keys = Object.values(body.RequestItems ?? {}).flatMap(({ Keys }) => Keys.flatMap(({ pk }) => text(pk)))
      return [{ action: operation, leadingKeys: keys }]
    }
    case 'TransactWriteItems':
      return (body.TransactItems ?? []).flatMap((item) =>
        Object.entries(item).flatMap(([kind, write]) =>
          kind === 'ConditionCheck'
            ? [{ action: 'ConditionCheckItem', leadingKeys: text(write.Key?.pk) }]
            : accessesOf(`${kind}Item`, write),
        ),
      )
    case 'BatchExecuteStatement':
      return (body.Statements ?? []).map(statementAccess)
    default:
      return [{ action: operation, leadingKeys: [] }]
  }
}

/** The name of the value that a Query's partition key is compared with. */
const partitionValue = ({ KeyConditionExpression = '', ExpressionAttributeNames = {} }: Body): string => {
  const names = [
    'pk',
    ...Object.keys(ExpressionAttributeNames).filter((name) => ExpressionAttributeNames[name] === 'pk'),
  ]
  const compared = [...KeyConditionExpression.matchAll(/([#\w]+)\s*=\s*(:\w+)/g)]
  return compared.find(([, name = '']) => names.includes(name))?.[2] ?? ''
}

const statementAccess = ({ Statement, Parameters = [] }: { Statement: string; Parameters?: Wire[] }): Access => {
  const verb = Statement.trim().split(' ')[0]?.toLowerCase() ?? ''
  const before = Statement.slice(0, Statement.indexOf('"pk"=?'))
  return {
    action: `PartiQL${verb.charAt(0).toUpperCase()}${verb.slice(1)}`,
    leadingKeys: text(Parameters[before.split('?').length - 1]),
  }
}

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T])

export const like = (pattern: string, key: string): boolean =>
  new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(key)

export const allows = (statements: readonly Statement[], { action, leadingKeys }: Access): boolean =>
  statements.some(({ Effect, Action, Condition }) => {
    if (Effect !== 'Allow' || !list(Action).includes(`dynamodb:${action}`)) return false
    const patterns = Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']
    if (Condition?.Null?.['dynamodb:LeadingKeys'] === 'false' && leadingKeys.length === 0) return false
    return patterns === undefined || leadingKeys.every((key) => list(patterns).some((pattern) => like(pattern, key)))
  })

/** Headers of one connection, which a proxy must not pass on. */
const PER_HOP = new Set(['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding'])

/**
 * A proxy before a DynamoDB engine that lets through what the caller's policy allows, as IAM does. The engine itself has
 * no policies. The path of its endpoint identifies a caller.
 */
export const startIamGate = async (engineEndpoint: string): Promise<IamGate> => {
  const callers = new Map<string, { statements: readonly Statement[]; accesses: Access[]; used: Set<string> }>()
  const refused: string[] = []
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body)
    })
  })
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: string }> => {
    const name = request.url?.split('/')[1] ?? ''
    const caller = callers.get(name)
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? ''
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    for (const access of accessesOf(operation, JSON.parse(body.toString()) as Body)) {
      caller?.used.add(access.action)
      if (caller && allows(caller.statements, access)) {
        caller.accesses.push(access)
        continue
      }
      const message = `${name} is not authorized to perform: dynamodb:${access.action} on ${access.leadingKeys.join()}`
      refused.push(message)
      const __type = 'com.amazonaws.dynamodb.v20120810#AccessDeniedException'
      return { status: 400, body: JSON.stringify({ __type, message }) }
    }
    const headers = new Headers()
    for (const [header, value] of Object.entries(request.headers)) {
      if (!PER_HOP.has(header)) headers.set(header, String(value))
    }
    const passed = await fetch(engineEndpoint, { method: 'POST', headers, body })
    return { status: passed.status, body: await passed.text() }
  }
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = server.address() as AddressInfo
  return {
    takeRefusals: () => refused.splice(0),
    endpointFor: (caller, statements) => {
      callers.set(caller, { statements, accesses: [], used: new Set() })
      return `http://127.0.0.1:${port}/${caller}`
    },
    accessesBy: (caller) => callers.get(caller)?.accesses ?? [],
    usedBy: (caller) => callers.get(caller)?.used ?? new Set(),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

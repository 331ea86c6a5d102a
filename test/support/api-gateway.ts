import type { APIGatewayProxyEventV2 } from 'aws-lambda'

export interface GatewayRequest {
  readonly method: string
  /** With its query string, as a client sends it. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** A string or bytes are sent unchanged, other values as JSON. */
  readonly body?: unknown
  /** Whether the function gets the body in base64, as for types that API Gateway treats as binary. */
  readonly binary?: boolean
}

interface Match {
  readonly routeKey: string
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * The path as HTTP APIs pass it on: decoded once, before API Gateway picks the route, and cut off at an encoded question
 * mark. Nothing for a path that can't be decoded, which API Gateway answers itself.
 * https://github.com/honojs/hono/issues/2156, https://github.com/fastify/aws-lambda-fastify/issues/169,
 * https://github.com/middleapi/standard-server/pull/93
 */
const decodedPath = ({ path }: Pick<GatewayRequest, 'path'>): string | undefined => {
  try {
    return decodeURIComponent(path.split('?')[0] ?? '').split('?')[0]
  } catch {
    return undefined
  }
}

const segmentsOf = (path: string): string[] => path.split('/').slice(1)

/**
 * The route that API Gateway picks. A route with equal segments comes before one with variables, and that before `$default`.
 * A slash at the end of the path makes no difference.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html,
 * https://github.com/aws-powertools/powertools-lambda-python/issues/1552
 */
export const matchRoute = (routeKeys: readonly string[], request: GatewayRequest): Match => {
  const given = segmentsOf((decodedPath(request) ?? '').replace(/(?<=.)\/$/, ''))
  const matches = routeKeys.flatMap((routeKey) => {
    const [method, path = ''] = routeKey.split(' ')
    const wanted = segmentsOf(path)
    if ((method !== request.method && method !== 'ANY') || wanted.length !== given.length) return []
    const parameters: Record<string, string> = {}
    for (const [index, segment] of wanted.entries()) {
      const variable = /^\{(\w+)\}$/.exec(segment)?.[1]
      if (variable && given[index]) parameters[variable] = given[index]
      else if (segment !== given[index]) return []
    }
    return [{ routeKey, parameters }]
  })
  matches.sort((a, b) => Object.keys(a.parameters).length - Object.keys(b.parameters).length)
  return matches[0] ?? { routeKey: routeKeys.includes('$default') ? '$default' : '', parameters: {} }
}

let requests = 0

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
export const gatewayEvent = (
  request: GatewayRequest,
  { routeKey, parameters, account, region }: Match & { readonly account: string; readonly region: string },
): APIGatewayProxyEventV2 => {
  const { method, headers = {}, body } = request
  const rawPath = decodedPath(request) ?? ''
  const rawQueryString = request.path.split('?').slice(1).join('?')
  const domainName = `test.execute-api.${region}.amazonaws.com`
  const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(textOf(body))
  const binary = request.binary ?? body instanceof Uint8Array
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString,
    headers: {
      host: domainName,
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': String(bytes.byteLength),
      }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    ...(rawQueryString && { queryStringParameters: Object.fromEntries(new URLSearchParams(rawQueryString)) }),
    ...(Object.keys(parameters).length > 0 && { pathParameters: { ...parameters } }),
    requestContext: {
      accountId: account,
      apiId: 'test',
      domainName,
      domainPrefix: 'test',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
      requestId: `request-${++requests}`,
      routeKey,
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: 1_767_225_600_000,
    },
    ...(body !== undefined && { body: bytes.toString(binary ? 'base64' : 'utf8') }),
    isBase64Encoded: body !== undefined && binary,
  }
}

const textOf = (body: unknown): string => (typeof body === 'string' ? body : (JSON.stringify(body) ?? ''))

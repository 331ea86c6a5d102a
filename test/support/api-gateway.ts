import type { APIGatewayProxyEventV2 } from 'aws-lambda'

export interface GatewayRequest {
  readonly method: string
  /** With its query string, as a client sends it. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is when a string, else as JSON. */
  readonly body?: unknown
}

interface Match {
  readonly routeKey: string
  readonly parameters: Readonly<Record<string, string>>
}

const pathOf = ({ path }: GatewayRequest): string => path.split('?')[0] ?? ''
const segmentsOf = (path: string): string[] => path.split('/').slice(1)

/**
 * The route that API Gateway picks: all segments alike, before such with variables, before `$default`.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
export const matchRoute = (routeKeys: readonly string[], request: GatewayRequest): Match => {
  const given = segmentsOf(pathOf(request))
  const matches = routeKeys.flatMap((routeKey) => {
    const [method, path = ''] = routeKey.split(' ')
    const wanted = segmentsOf(path)
    if ((method !== request.method && method !== 'ANY') || wanted.length !== given.length) return []
    const parameters: Record<string, string> = {}
    for (const [index, segment] of wanted.entries()) {
      const variable = /^\{(\w+)\}$/.exec(segment)?.[1]
      if (variable) parameters[variable] = decodeURIComponent(given[index] ?? '')
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
  const [rawPath = '', rawQueryString = ''] = request.path.split('?')
  const domainName = `test.execute-api.${region}.amazonaws.com`
  const text = typeof body === 'string' ? body : JSON.stringify(body)
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
        'content-length': String(Buffer.byteLength(text)),
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
    ...(body !== undefined && { body: text }),
    isBase64Encoded: false,
  }
}

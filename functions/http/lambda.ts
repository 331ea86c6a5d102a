import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { writingAtEnd } from '../runtime/invocation-end.ts'
import { isObject } from '../runtime/strict-json.ts'
import type { Surroundings } from './app.ts'
import { isPlainSegment } from './plain-path.ts'
import { HttpRefusal, problemResponse } from './problem.ts'
import { isRequestId } from './request-id.ts'

/** Anything that answers web requests: the HTTP API, the SQS endpoint. */
export type Respond = (request: Request, surroundings: Surroundings) => Response | Promise<Response>

/** Time left for writing the answer after a long poll was aborted. */
const ANSWERING_MS = 1_000

/**
 * A Lambda handler for HTTP APIs of API Gateway (payload format 2.0) and function URLs.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const lambdaHandler =
  (respond: Respond, ended: (startedAt: number) => void = () => {}) =>
  async (given: APIGatewayProxyEventV2, context: Context): Promise<APIGatewayProxyStructuredResultV2> => {
    const event = httpEvent(given)
    const ofGateway = event?.requestContext.requestId
    const requestId = isRequestId(ofGateway) ? ofGateway : context.awsRequestId
    const ending = new AbortController()
    const timer = setTimeout(() => ending.abort(), Math.max(0, context.getRemainingTimeInMillis() - ANSWERING_MS))
    const answer = async (): Promise<APIGatewayProxyStructuredResultV2> => {
      const request = event && requestFrom(event)
      const path = event && routedPath(event)
      if (!request || path === undefined) return resultFrom(problemResponse(malformed(event), requestId))
      return resultFrom(await respond(request, { path, requestId, signal: ending.signal }))
    }
    try {
      return await writingAtEnd(context, ended, answer)
    } finally {
      clearTimeout(timer)
    }
  }

/**
 * The event, if it is one of payload format 2.0. A function that was put behind a REST API, or tested in a console, gets others:
 * it answers those with a reason too, where a thrown error would be a 502 without one.
 */
const httpEvent = (event: unknown): APIGatewayProxyEventV2 | undefined => {
  if (!isObject(event) || !isObject(event.requestContext) || !isObject(event.requestContext.http)) return undefined
  const { rawPath, headers = {}, pathParameters, body, cookies } = event
  const isWhole =
    typeof rawPath === 'string' &&
    typeof event.requestContext.http.method === 'string' &&
    isObject(headers) &&
    [...Object.values(headers), ...Object.values(pathParameters ?? {}), body ?? undefined].every(isTextOrAbsent) &&
    (cookies === undefined || (Array.isArray(cookies) && cookies.every(isTextOrAbsent)))
  return isWhole ? ({ ...event, headers } as unknown as APIGatewayProxyEventV2) : undefined
}

const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string'

const malformed = (event: APIGatewayProxyEventV2 | undefined): HttpRefusal =>
  event
    ? new HttpRefusal('RouteNotFound', 'the path or the headers of the request are malformed', {
        value: event.rawPath,
        hint: 'Send the path as the API documents it, without encoded slashes, backslashes or a slash at the end.',
      })
    : new HttpRefusal('RouteNotFound', 'the event is no request of an HTTP API', {
        hint: 'Put the function behind an HTTP API with payload format 2.0, or behind a function URL.',
      })

const ROUTE_KEY = /^[A-Z]+ (\/.*)$/

/**
 * The path that the gateway authorized: the route that it picked, with the parameters that it found. `rawPath` is already
 * decoded, so in it a parameter with an encoded slash looks like two segments. If the two disagree, or a parameter is more than
 * one plain segment, there is no path. Requests without a route of their own (`$default`, function URLs) have only `rawPath`,
 * and it is not decoded again.
 */
const routedPath = ({ routeKey, rawPath, pathParameters }: APIGatewayProxyEventV2): string | undefined => {
  const [, template] = ROUTE_KEY.exec(routeKey ?? '') ?? []
  if (template === undefined) return rawPath
  let plain = true
  const path = template.replaceAll(/\{([^}+]+)\+?\}/g, (_, name: string) => {
    const value = pathParameters?.[name] ?? ''
    plain &&= isPlainSegment(value)
    return value
  })
  // A stage's name or a domain's base path may come before.
  return plain && rawPath.endsWith(path) ? path : undefined
}

/** The request in an event; undefined if the event makes no valid one. */
const requestFrom = (event: APIGatewayProxyEventV2): Request | undefined => {
  const { http, domainName } = event.requestContext
  const query = event.rawQueryString ? `?${event.rawQueryString}` : ''
  const body = event.body ? Buffer.from(event.body, event.isBase64Encoded ? 'base64' : 'utf8') : undefined
  try {
    const headers = new Headers()
    for (const [name, value] of Object.entries(event.headers)) if (value !== undefined) headers.set(name, latin1(value))
    if (event.cookies) headers.set('cookie', event.cookies.join('; '))
    if (body) headers.set('content-length', String(body.byteLength))
    const bodiless = http.method === 'GET' || http.method === 'HEAD'
    return new Request(new URL(`https://${domainName || 'localhost'}${escaped(event.rawPath)}${query}`), {
      method: http.method,
      headers,
      ...(body && !bodiless && { body }),
    })
  } catch {
    return undefined
  }
}

/** Escapes the characters of a decoded path that would end the path of a URL, or that no URL can have. */
const escaped = (path: string): string =>
  path.replace(/[^\w\-.~!$&'()*+,;=:@/%]|%(?![\dA-Fa-f]{2})/gu, encodeURIComponent)

/** Headers hold bytes, one a character; API Gateway hands them over decoded as UTF-8. */
const latin1 = (value: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of bytes is meant
  /[^\x00-\xff]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value

const resultFrom = async (response: Response): Promise<APIGatewayProxyStructuredResultV2> => ({
  statusCode: response.status,
  headers: Object.fromEntries(response.headers),
  body: await response.text(),
  isBase64Encoded: false,
})

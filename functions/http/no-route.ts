import { isPlainPath } from './plain-path.ts'
import { HttpRefusal, problemResponse } from './problem.ts'
import { PLACES } from './route-places.ts'

const PATTERNS = Object.values(PLACES).map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
}))

/** Methods that a path takes; none if no route has the path. */
const allowedMethods = (path: string): string[] => {
  const methods = isPlainPath(path)
    ? PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method as string)
    : []
  if (methods.length === 0) return []
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
}

const ROUTES_HINT =
  'The HTTP API has /triggers, /queues, /queues/{queue} and what is below, each without a slash at the end; docs/openapi.json lists all of it. Requests of the SQS protocol carry X-Amz-Target or Action.'
const PLAIN_HINT =
  'Send the path as it is documented: without empty parts, "." or "..", backslashes, encoded slashes or a slash at the end.'

/** The answer to a request that no route of the HTTP API takes. `path` is decoded. */
export const noRoute = (method: string, path: string, requestId: string): Response => {
  const allowed = allowedMethods(path)
  if (allowed.length === 0) {
    const hint = isPlainPath(path) || path === '/' ? ROUTES_HINT : PLAIN_HINT
    const message = `there is nothing at ${path.slice(0, MAX_PATH_LENGTH)}`
    return problemResponse(new HttpRefusal('RouteNotFound', message, { value: path, hint }), requestId)
  }
  const allow = allowed.join(', ')
  if (method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow, 'x-request-id': requestId } })
  const message = `${path} does not take ${method}, only ${allow}`
  const hint = `Send one of ${allow}.`
  return problemResponse(
    new HttpRefusal('MethodNotAllowed', message, { value: method, hint, headers: { allow } }),
    requestId,
  )
}

const MAX_PATH_LENGTH = 200

import { pathOf } from '../http/plain-path.ts'
import type { FrontDoor } from './front-door.ts'

/**
 * A front door that tells each request: when it was answered, the method and the path or the action of SQS, the status, and how long the
 * answer took. Neither queries nor bodies are told: they may hold signatures and messages.
 *
 * @param print takes a line, without its line end
 */
export const tellingRequests =
  (answer: FrontDoor, print: (line: string) => void): FrontDoor =>
  async (request, arrival) => {
    const startedAt = performance.now()
    const response = await answer(request, arrival)
    const ms = Math.round(performance.now() - startedAt)
    print(
      `${new Date().toISOString()} ${request.method} ${whatOf(request, arrival.target)} ${response.status} ${ms} ms`,
    )
    return response
  }

/** SQS clients send all to one path: in the JSON protocol a header names the action, in a URL the query does. */
const whatOf = (request: Request, target: string): string => {
  const path = pathOf(target)
  const action =
    /^AmazonSQS\.(\w{1,64})$/.exec(request.headers.get('x-amz-target') ?? '')?.[1] ??
    /[?&]Action=(\w{1,64})(?:&|$)/.exec(target)?.[1]
  return action === undefined ? path : `${path} ${action}`
}

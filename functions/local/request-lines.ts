import { pathOf } from '../http/plain-path.ts'
import type { FrontDoor } from './front-door.ts'

/**
 * A front door that prints a line for each request: when it was answered, the method, the path, SQS's action, the status,
 * and how long the answer took. Queries and bodies are not printed: they may hold signatures and messages.
 *
 * @param print takes a line, without its line end
 */
export const printingRequests =
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

/** The path, with SQS's action where it has one: SQS clients send every action to one path, and name it in a header or the query. */
const whatOf = (request: Request, target: string): string => {
  const path = pathOf(target)
  const action =
    /^AmazonSQS\.(\w{1,64})$/.exec(request.headers.get('x-amz-target') ?? '')?.[1] ??
    /[?&]Action=(\w{1,64})(?:&|$)/.exec(target)?.[1]
  return action === undefined ? path : `${path} ${action}`
}

import type { App } from '../functions/http/app.ts'
import { callOperation } from '../functions/http/call-operation.ts'
import { checked } from '../functions/http/refusal.ts'
import { PATH_PARAMETERS, type Route, routes } from '../functions/http/routes.ts'
import { ApiProblem, type CallApi } from './api.ts'

const ROUTES: ReadonlyMap<string, Route> = new Map(routes.map((route) => [route.operation, route]))

/**
 * Calls the operations of an app in this process. A name that no queue can have is refused here: one with a slash would make the path
 * of another operation.
 */
export const callApp =
  (app: Pick<App, 'fetch'>): CallApi =>
  async (operation, { params = {}, query, body }) => {
    const { method, path } = ROUTES.get(operation) as Route
    const answer = await callOperation(app, {
      method,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof PATH_PARAMETERS) =>
        checked(PATH_PARAMETERS[name], params[name], name),
      ),
      ...(query && { query }),
      ...(body !== undefined && { body }),
    })
    if (answer.ok) return answer.body
    throw new ApiProblem(answer.problem)
  }

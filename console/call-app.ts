import type { App } from '../functions/http/app.ts'
import { callOperation } from '../functions/http/call-operation.ts'
import { type Route, routes } from '../functions/http/routes.ts'
import { ApiProblem, type CallApi } from './api.ts'

const ROUTES: ReadonlyMap<string, Route> = new Map(routes.map((route) => [route.operation, route]))

/** Calls the operations of an app in this process. A name that no queue can have makes a path that the app refuses. */
export const callApp =
  (app: Pick<App, 'fetch'>): CallApi =>
  async (operation, { params = {}, query, body }) => {
    const { method, path } = ROUTES.get(operation) as Route
    const answer = await callOperation(app, {
      method,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? ''),
      ...(query && { query }),
      ...(body !== undefined && { body }),
    })
    if (answer.ok) return answer.body
    throw new ApiProblem(answer.problem)
  }

import type { App } from '../functions/http/app.ts'
import { callOperation } from '../functions/http/call-operation.ts'
import { pathOfOperation, routeOf } from '../functions/http/operation-path.ts'
import { ApiProblem, type CallApi } from './api.ts'

/** Calls the operations of an app in this process. */
export const callApp =
  (app: Pick<App, 'fetch'>): CallApi =>
  async (operation, { params, query, body }) => {
    const answer = await callOperation(app, {
      method: routeOf(operation).method,
      path: pathOfOperation(operation, params),
      ...(query && { query }),
      ...(body !== undefined && { body }),
    })
    if (answer.ok) return answer.body
    throw new ApiProblem(answer.problem)
  }

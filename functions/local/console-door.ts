import { randomUUID } from 'node:crypto'
import type { Console } from '../../console/console.ts'
import { pathOf } from '../http/plain-path.ts'
import { HttpRefusal, problemResponse } from '../http/problem.ts'
import { callerCheck } from './caller-check.ts'

/** Whether a request is for the console. A form has the content type of SQS requests, so its path decides. */
export const isForConsole = (target: string): boolean => /^\/console(?:[/?#]|$)/.test(target)

type Door = (request: Request, arrival: { readonly target: string }) => Response | Promise<Response>

/** What `holdfast console` serves on its port: the console and nothing else, to pages of this machine alone. */
export const consoleDoor = (host: string, console: Console): Door => {
  const check = callerCheck({ host })
  return (request, { target }) => {
    const refusal = check(request.headers)
    if (refusal !== undefined) return refuse('CallerRefused', refusal)
    if (isForConsole(target)) return console(request)
    if (pathOf(target) === '/') return new Response(null, { status: 302, headers: { location: '/console' } })
    return refuse('RouteNotFound', 'nothing but the console is here, at /console')
  }
}

const refuse = (code: 'CallerRefused' | 'RouteNotFound', reason: string): Response =>
  problemResponse(new HttpRefusal(code, reason), randomUUID())

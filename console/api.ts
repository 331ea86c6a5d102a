import type * as z from 'zod/mini'
import type {
  browseAnswer,
  messageAnswer,
  publishAnswer,
  queueAnswer,
  queueListAnswer,
  redriveListAnswer,
  redriveTask,
  storedMessage,
} from '../functions/http/answers.ts'
import type { OperationAnswer, OperationCall } from '../functions/http/call-operation.ts'
import type { Problem } from '../functions/http/problem.ts'

export type QueueShown = z.output<typeof queueAnswer>
export type MessageShown = z.output<typeof storedMessage>
/** What a message is doing, or became; the other members depend on the state. */
export interface StatusShown {
  readonly state: z.output<typeof messageAnswer>['status']['state']
  readonly at?: string
  readonly until?: string
  readonly visibleAt?: string
  readonly receiveCount?: number
  readonly queue?: string
  readonly reason?: string
}
export type MessageAnswer =
  | (MessageShown & { readonly status: StatusShown })
  | { readonly messageId: string; readonly queue: string; readonly status: StatusShown }
export type RedriveShown = z.output<typeof redriveTask>

/** Calls an operation of the HTTP API, in this process or elsewhere. */
export type CallApi = (call: OperationCall) => Promise<OperationAnswer>

/** An operation refused or failed: what the API answered. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** Queues of one page. Each is counted, so a page is bounded. */
export const QUEUES_PAGE = 50

/**
 * The operations that the console uses, and no others: none of them receives a message.
 *
 * Each throws `ApiProblem` when the API refuses.
 */
export const consoleApi = (call: CallApi) => {
  const ask = async <T>(given: OperationCall): Promise<T> => {
    const answer = await call(given)
    if (!answer.ok) throw new ApiProblem(answer.problem)
    return answer.body as T
  }
  return {
    queues: (query: { prefix?: string | undefined; cursor?: string | undefined }) =>
      ask<z.output<typeof queueListAnswer>>({
        method: 'GET',
        path: '/queues',
        query: { ...query, include: 'counts', limit: QUEUES_PAGE },
      }),
    queueNames: (query: { prefix?: string | undefined; cursor?: string | undefined }) =>
      ask<z.output<typeof queueListAnswer>>({ method: 'GET', path: '/queues', query: { ...query, limit: 1_000 } }),
    queue: (queue: string) => ask<QueueShown>({ method: 'GET', path: `/queues/${queue}` }),
    browse: (queue: string, query: { limit: number; cursor?: string | undefined; states?: string | undefined }) =>
      ask<z.output<typeof browseAnswer>>({ method: 'GET', path: `/queues/${queue}/messages`, query }),
    message: (queue: string, id: string) =>
      ask<MessageAnswer>({ method: 'GET', path: `/queues/${queue}/messages/${id}` }),
    redrives: (queue: string) =>
      ask<z.output<typeof redriveListAnswer>>({ method: 'GET', path: `/queues/${queue}/redrive` }),
    createQueue: (queue: string, body: unknown) => ask<QueueShown>({ method: 'PUT', path: `/queues/${queue}`, body }),
    change: (queue: string, body: unknown) => ask<QueueShown>({ method: 'PATCH', path: `/queues/${queue}`, body }),
    purge: (queue: string) => ask<void>({ method: 'POST', path: `/queues/${queue}/purge`, body: {} }),
    deleteQueue: (queue: string, force: boolean) =>
      ask<void>({ method: 'DELETE', path: `/queues/${queue}`, query: { force: force ? 'true' : 'false' } }),
    publish: (queue: string, message: unknown) =>
      ask<z.output<typeof publishAnswer>>({
        method: 'POST',
        path: `/queues/${queue}/messages`,
        body: { messages: [message] },
      }),
    reschedule: (queue: string, id: string, body: unknown) =>
      ask<MessageShown>({ method: 'PATCH', path: `/queues/${queue}/messages/${id}`, body }),
    cancel: (queue: string, id: string) => ask<void>({ method: 'DELETE', path: `/queues/${queue}/messages/${id}` }),
    resend: (queue: string, id: string) =>
      ask<MessageShown>({ method: 'POST', path: `/queues/${queue}/messages/${id}/resend`, body: {} }),
    redrive: (queue: string, body: unknown) =>
      ask<RedriveShown>({ method: 'POST', path: `/queues/${queue}/redrive`, body }),
    cancelRedrive: (queue: string, task: string) =>
      ask<RedriveShown>({ method: 'DELETE', path: `/queues/${queue}/redrive/${task}` }),
  }
}

export type ConsoleApi = ReturnType<typeof consoleApi>

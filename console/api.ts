import type * as z from 'zod/mini'
import type {
  browseAnswer,
  messageAnswer,
  publishAnswer,
  queueAnswer,
  queueListAnswer,
  storedMessage,
  triggerListAnswer,
} from '../functions/http/answers.ts'
import { disclosedProblemOf, type Problem } from '../functions/http/problem.ts'
import type { redriveListAnswer, redriveTask, undoPreview } from '../functions/http/redrive-answers.ts'
import type { OperationId } from '../functions/http/routes.ts'

export type QueueJson = z.output<typeof queueAnswer>
export type MessageJson = z.output<typeof storedMessage>
/** The state of a message, or how it ended. The other members depend on the state. */
export interface StatusJson {
  readonly state: z.output<typeof messageAnswer>['status']['state']
  readonly at?: string
  readonly until?: string
  readonly visibleAt?: string
  readonly receiveCount?: number
  readonly queue?: string
  readonly reason?: string
}
export type MessageAnswer =
  | (MessageJson & { readonly status: StatusJson })
  | { readonly messageId: string; readonly queue: string; readonly status: StatusJson }
/** Stored items whose messages a page lacks. Absent where it lacks none. */
export type UnreadableJson = z.output<typeof browseAnswer>['unreadable']
export type RedriveJson = z.output<typeof redriveTask>
export type TriggerJson = z.output<typeof triggerListAnswer>['triggers'][number]

export interface ApiCall {
  readonly params?: Readonly<Record<string, string>>
  /** The call omits members that are undefined. */
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
}

/**
 * Calls an operation of the HTTP API, in this process or on a server. Resolves to the JSON of the answer.
 *
 * @throws `HoldfastError` or `HttpRefusal`, which `problemOf` turns into a problem; or `ApiProblem`
 */
export type CallApi = (operation: OperationId, parts: ApiCall) => Promise<unknown>

/** The API answered with a problem: the operation was refused, or failed. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** The problem of a failure, and its own reason where the reader's own credentials failed. Undefined for a defect of the console. */
export const problemIn = (error: unknown): Problem | undefined =>
  error instanceof ApiProblem ? error.problem : disclosedProblemOf(error)

/** Queues a page. The API counts each queue of a page, so the number limits the cost. */
const QUEUES_PAGE = 50

interface Page {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly states?: string | undefined
}
interface List {
  readonly prefix?: string | undefined
  readonly cursor?: string | undefined
}

/** All operations that the console uses. None of them receives a message. Each fails with the errors of `CallApi`. */
export const consoleApi = (call: CallApi) => {
  const ask = async <T>(operation: OperationId, parts: ApiCall): Promise<T> => (await call(operation, parts)) as T
  const at = (queue: string, messageId: string) => ({ params: { queue, messageId } })
  return {
    queues: (query: List) =>
      ask<z.output<typeof queueListAnswer>>('listQueues', {
        query: { ...query, include: 'counts', limit: QUEUES_PAGE },
      }),
    queueNames: () => ask<z.output<typeof queueListAnswer>>('listQueues', { query: { limit: 1_000 } }),
    queue: (queue: string) => ask<QueueJson>('getQueue', { params: { queue } }),
    browse: (queue: string, page: Page) =>
      ask<z.output<typeof browseAnswer>>('browseMessages', { params: { queue }, query: { ...page } }),
    message: (queue: string, id: string) => ask<MessageAnswer>('getMessage', at(queue, id)),
    redrives: (queue: string) => ask<z.output<typeof redriveListAnswer>>('listRedrives', { params: { queue } }),
    triggers: (query: { readonly queue?: string; readonly cursor?: string | undefined }) =>
      ask<z.output<typeof triggerListAnswer>>('listTriggers', { query: { ...query } }),
    createQueue: (queue: string, body: unknown) => ask<QueueJson>('createQueue', { params: { queue }, body }),
    change: (queue: string, body: unknown) => ask<QueueJson>('updateQueue', { params: { queue }, body }),
    purge: (queue: string) => ask<void>('purgeQueue', { params: { queue }, body: {} }),
    deleteQueue: (queue: string, force: boolean) =>
      ask<void>('deleteQueue', { params: { queue }, query: { force: force ? 'true' : 'false' } }),
    publish: (queue: string, message: unknown) =>
      ask<z.output<typeof publishAnswer>>('publishMessages', { params: { queue }, body: { messages: [message] } }),
    reschedule: (queue: string, id: string, body: unknown) =>
      ask<MessageJson>('rescheduleMessage', { ...at(queue, id), body }),
    cancel: (queue: string, id: string) => ask<void>('cancelMessage', at(queue, id)),
    resend: (queue: string, id: string) => ask<MessageJson>('resendMessage', { ...at(queue, id), body: {} }),
    redrive: (queue: string, body: unknown) => ask<RedriveJson>('startRedrive', { params: { queue }, body }),
    previewUndo: (queue: string, taskId: string) =>
      ask<z.output<typeof undoPreview>>('previewUndo', { params: { queue, taskId } }),
    undoRedrive: (queue: string, taskId: string, body: unknown) =>
      ask<RedriveJson>('undoRedrive', { params: { queue, taskId }, body }),
    cancelRedrive: (queue: string, taskId: string) => ask<RedriveJson>('cancelRedrive', { params: { queue, taskId } }),
  }
}

export type ConsoleApi = ReturnType<typeof consoleApi>

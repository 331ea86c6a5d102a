import * as z from 'zod/mini'
import {
  browseAnswer,
  handlesAnswer,
  pollAnswer,
  publishAnswer,
  queueAnswer,
  queueListAnswer,
  redriveListAnswer,
  redriveTask,
  storedMessage,
} from './answers.ts'
import {
  ackRequest,
  browseQuery,
  extendRequest,
  nackRequest,
  pollRequest,
  publishHeaders,
  publishRequest,
  queueDeletionQuery,
  queueListQuery,
  redriveRequest,
  rescheduleRequest,
  unreceiveRequest,
} from './requests.ts'
import type { RouteShape } from './route-shape.ts'
import { newQueue, queueChange } from './settings-shape.ts'
import { queueName, text } from './shapes.ts'

/** Shapes of the parameters in paths. */
export const PATH_PARAMETERS = {
  queue: queueName,
  messageId: text(1, 128),
  taskId: text(1, 128),
} as const

/** A query or a body with no members. */
const none = z.strictObject({})

/**
 * Every route of the HTTP API. The deployment connects each to its function, the local server and the tests serve
 * them, and the OpenAPI document is built from them.
 */
export const routes = [
  {
    operation: 'listQueues',
    method: 'GET',
    path: '/queues',
    function: 'queues',
    summary: 'List queues by name',
    query: queueListQuery,
    request: undefined,
    answers: { 200: queueListAnswer },
  },
  {
    operation: 'createQueue',
    method: 'PUT',
    path: '/queues/{queue}',
    function: 'queues',
    summary: 'Create a queue; repeating it with the same settings succeeds, with others it is refused',
    query: none,
    request: newQueue,
    answers: { 200: queueAnswer, 201: queueAnswer },
  },
  {
    operation: 'getQueue',
    method: 'GET',
    path: '/queues/{queue}',
    function: 'queues',
    summary: 'Read the settings of a queue, and how many messages it holds',
    query: none,
    request: undefined,
    answers: { 200: queueAnswer },
  },
  {
    operation: 'updateQueue',
    method: 'PATCH',
    path: '/queues/{queue}',
    function: 'queues',
    summary: 'Change settings of a queue',
    query: none,
    request: queueChange,
    answers: { 200: queueAnswer },
  },
  {
    operation: 'deleteQueue',
    method: 'DELETE',
    path: '/queues/{queue}',
    function: 'queues',
    summary: 'Delete a queue with all its messages',
    query: queueDeletionQuery,
    request: undefined,
    answers: { 204: undefined },
  },
  {
    operation: 'purgeQueue',
    method: 'POST',
    path: '/queues/{queue}/purge',
    function: 'queues',
    summary: 'Delete all messages of a queue',
    query: none,
    request: none,
    answers: { 204: undefined },
  },
  {
    operation: 'publishMessages',
    method: 'POST',
    path: '/queues/{queue}/messages',
    function: 'publish',
    summary: 'Publish up to 25 messages',
    query: none,
    headers: publishHeaders,
    request: publishRequest,
    answers: { 201: publishAnswer },
  },
  {
    operation: 'pollMessages',
    method: 'POST',
    path: '/queues/{queue}/poll',
    function: 'poll',
    summary: 'Receive up to 25 messages: each is leased to the caller until its visibility timeout ends',
    query: none,
    request: pollRequest,
    answers: { 200: pollAnswer },
  },
  {
    operation: 'ackMessages',
    method: 'POST',
    path: '/queues/{queue}/ack',
    function: 'ack',
    summary: 'Delete messages whose work is done',
    query: none,
    request: ackRequest,
    answers: { 200: handlesAnswer },
  },
  {
    operation: 'extendLeases',
    method: 'POST',
    path: '/queues/{queue}/extend',
    function: 'ack',
    summary: 'Keep messages leased for longer, or end their leases now',
    query: none,
    request: extendRequest,
    answers: { 200: handlesAnswer },
  },
  {
    operation: 'nackMessages',
    method: 'POST',
    path: '/queues/{queue}/nack',
    function: 'poll',
    summary: 'Give messages back, to be received again now, after a delay, or by the retry policy; or dead-letter them',
    query: none,
    request: nackRequest,
    answers: { 200: handlesAnswer },
  },
  {
    operation: 'unreceiveMessages',
    method: 'POST',
    path: '/queues/{queue}/unreceive',
    function: 'ack',
    summary: 'Give messages back at once, as if they had not been received',
    query: none,
    request: unreceiveRequest,
    answers: { 200: handlesAnswer },
  },
  {
    operation: 'browseMessages',
    method: 'GET',
    path: '/queues/{queue}/messages',
    function: 'messages',
    summary: 'Read the messages of a queue without receiving them',
    query: browseQuery,
    request: undefined,
    answers: { 200: browseAnswer },
  },
  {
    operation: 'getMessage',
    method: 'GET',
    path: '/queues/{queue}/messages/{messageId}',
    function: 'messages',
    summary: 'Read one message without receiving it',
    query: none,
    request: undefined,
    answers: { 200: storedMessage },
  },
  {
    operation: 'rescheduleMessage',
    method: 'PATCH',
    path: '/queues/{queue}/messages/{messageId}',
    function: 'messages',
    summary: 'Change the due time of a message that is not leased',
    query: none,
    request: rescheduleRequest,
    answers: { 200: storedMessage },
  },
  {
    operation: 'cancelMessage',
    method: 'DELETE',
    path: '/queues/{queue}/messages/{messageId}',
    function: 'messages',
    summary: 'Delete a message that is not leased',
    query: none,
    request: undefined,
    answers: { 204: undefined },
  },
  {
    operation: 'startRedrive',
    method: 'POST',
    path: '/queues/{queue}/redrive',
    function: 'redrive',
    summary: 'Move the messages of a dead-letter queue back to where they came from, or elsewhere',
    query: none,
    request: redriveRequest,
    answers: { 202: redriveTask },
  },
  {
    operation: 'listRedrives',
    method: 'GET',
    path: '/queues/{queue}/redrive',
    function: 'redrive',
    summary: 'List the redrives of a dead-letter queue, latest first',
    query: none,
    request: undefined,
    answers: { 200: redriveListAnswer },
  },
  {
    operation: 'getRedrive',
    method: 'GET',
    path: '/queues/{queue}/redrive/{taskId}',
    function: 'redrive',
    summary: 'Read the progress of a redrive',
    query: none,
    request: undefined,
    answers: { 200: redriveTask },
  },
  {
    operation: 'cancelRedrive',
    method: 'DELETE',
    path: '/queues/{queue}/redrive/{taskId}',
    function: 'redrive',
    summary: 'Stop a redrive; messages that it has moved stay moved',
    query: none,
    request: undefined,
    answers: { 200: redriveTask },
  },
] as const satisfies readonly RouteShape[]

export type Route = (typeof routes)[number]
export type OperationId = Route['operation']
export type RouteOf<O extends OperationId> = Extract<Route, { operation: O }>

export type HeadersOf<O extends OperationId> =
  RouteOf<O> extends { headers: infer H extends z.ZodMiniType } ? z.output<H> : Readonly<Record<string, never>>
export type BodyOf<O extends OperationId> = RouteOf<O>['request'] extends z.ZodMiniType
  ? z.output<RouteOf<O>['request']>
  : undefined

import { queueAnswer, queueListAnswer, redriveListAnswer, redriveTask } from './answers.ts'
import { queueDeletionQuery, queueListQuery, redriveRequest } from './queue-requests.ts'
import { none, type RouteShape } from './route-shape.ts'
import { newQueue, queueChange } from './settings-shape.ts'

/** The routes of queues. */
export const queueRoutes = [
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
] as const satisfies readonly RouteShape[]

/** The routes of redrives. */
export const redriveRoutes = [
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

import { queueAnswer, queueListAnswer, triggerListAnswer } from './answers.ts'
import { queueDeletionQuery, queueListQuery, redriveRequest, triggerListQuery, undoRequest } from './queue-requests.ts'
import { redriveListAnswer, redriveTask, undoPreview } from './redrive-answers.ts'
import { PLACES } from './route-places.ts'
import { none, type RouteShape } from './route-shape.ts'
import { newQueue, queueChange } from './settings-shape.ts'

/** The routes of queues. */
export const queueRoutes = [
  {
    ...PLACES.listQueues,
    summary: 'List queues by name',
    query: queueListQuery,
    request: undefined,
    answers: { 200: queueListAnswer },
  },
  {
    ...PLACES.createQueue,
    summary: 'Create a queue; repeating it with the same settings succeeds, with others it is refused',
    query: none,
    request: newQueue,
    answers: { 200: queueAnswer, 201: queueAnswer },
  },
  {
    ...PLACES.getQueue,
    summary: 'Read the settings of a queue, and how many messages it holds',
    query: none,
    request: undefined,
    answers: { 200: queueAnswer },
  },
  {
    ...PLACES.updateQueue,
    summary: 'Change settings of a queue',
    query: none,
    request: queueChange,
    answers: { 200: queueAnswer },
  },
  {
    ...PLACES.deleteQueue,
    summary: 'Delete a queue with all its messages',
    query: queueDeletionQuery,
    request: undefined,
    answers: { 204: undefined },
  },
  {
    ...PLACES.purgeQueue,
    summary: 'Delete all messages of a queue',
    query: none,
    request: none,
    answers: { 204: undefined },
  },
] as const satisfies readonly RouteShape[]

/** The routes of triggers. */
export const triggerRoutes = [
  {
    ...PLACES.listTriggers,
    summary: 'List the triggers of queues, and what their runs do',
    query: triggerListQuery,
    request: undefined,
    answers: { 200: triggerListAnswer },
  },
] as const satisfies readonly RouteShape[]

/** The routes of redrives. */
export const redriveRoutes = [
  {
    ...PLACES.startRedrive,
    summary: 'Move the messages of a dead-letter queue back to where they came from, or elsewhere',
    query: none,
    request: redriveRequest,
    answers: { 202: redriveTask },
  },
  {
    ...PLACES.listRedrives,
    summary: 'List the redrives of a dead-letter queue, latest first',
    query: none,
    request: undefined,
    answers: { 200: redriveListAnswer },
  },
  {
    ...PLACES.getRedrive,
    summary: 'Read the progress of a redrive',
    query: none,
    request: undefined,
    answers: { 200: redriveTask },
  },
  {
    ...PLACES.cancelRedrive,
    summary: 'Stop a redrive or an undo; messages that it has moved stay moved',
    query: none,
    request: undefined,
    answers: { 200: redriveTask },
  },
  {
    ...PLACES.previewUndo,
    summary: 'Count what an undo of a redrive would do now; moves nothing',
    query: none,
    request: undefined,
    answers: { 200: undoPreview },
  },
  {
    ...PLACES.undoRedrive,
    summary: 'Move the messages of a redrive that no consumer has received since back to the dead-letter queue',
    query: none,
    request: undoRequest,
    answers: { 202: redriveTask },
  },
] as const satisfies readonly RouteShape[]

import type { RouteShape } from './route-shape.ts'

/**
 * Where each operation of the HTTP API is: its method, its path, and the function that serves it. They are apart from the shapes of
 * requests and answers, because the SQS function asks only whether a path exists, and loads no more than that.
 */
export const PLACES = {
  listQueues: { operation: 'listQueues', method: 'GET', path: '/queues', function: 'queues' },
  createQueue: { operation: 'createQueue', method: 'PUT', path: '/queues/{queue}', function: 'queues' },
  getQueue: { operation: 'getQueue', method: 'GET', path: '/queues/{queue}', function: 'queues' },
  updateQueue: { operation: 'updateQueue', method: 'PATCH', path: '/queues/{queue}', function: 'queues' },
  deleteQueue: { operation: 'deleteQueue', method: 'DELETE', path: '/queues/{queue}', function: 'queues' },
  purgeQueue: { operation: 'purgeQueue', method: 'POST', path: '/queues/{queue}/purge', function: 'queues' },
  listTriggers: { operation: 'listTriggers', method: 'GET', path: '/triggers', function: 'queues' },
  startRedrive: { operation: 'startRedrive', method: 'POST', path: '/queues/{queue}/redrive', function: 'redrive' },
  listRedrives: { operation: 'listRedrives', method: 'GET', path: '/queues/{queue}/redrive', function: 'redrive' },
  getRedrive: { operation: 'getRedrive', method: 'GET', path: '/queues/{queue}/redrive/{taskId}', function: 'redrive' },
  cancelRedrive: {
    operation: 'cancelRedrive',
    method: 'DELETE',
    path: '/queues/{queue}/redrive/{taskId}',
    function: 'redrive',
  },
  previewUndo: {
    operation: 'previewUndo',
    method: 'GET',
    path: '/queues/{queue}/redrive/{taskId}/undo',
    function: 'redrive',
  },
  undoRedrive: {
    operation: 'undoRedrive',
    method: 'POST',
    path: '/queues/{queue}/redrive/{taskId}/undo',
    function: 'redrive',
  },
  publishMessages: {
    operation: 'publishMessages',
    method: 'POST',
    path: '/queues/{queue}/messages',
    function: 'publish',
  },
  pollMessages: { operation: 'pollMessages', method: 'POST', path: '/queues/{queue}/poll', function: 'poll' },
  ackMessages: { operation: 'ackMessages', method: 'POST', path: '/queues/{queue}/ack', function: 'ack' },
  extendLeases: { operation: 'extendLeases', method: 'POST', path: '/queues/{queue}/extend', function: 'ack' },
  nackMessages: { operation: 'nackMessages', method: 'POST', path: '/queues/{queue}/nack', function: 'poll' },
  unreceiveMessages: {
    operation: 'unreceiveMessages',
    method: 'POST',
    path: '/queues/{queue}/unreceive',
    function: 'ack',
  },
  browseMessages: {
    operation: 'browseMessages',
    method: 'GET',
    path: '/queues/{queue}/messages',
    function: 'messages',
  },
  getMessage: {
    operation: 'getMessage',
    method: 'GET',
    path: '/queues/{queue}/messages/{messageId}',
    function: 'messages',
  },
  getResult: {
    operation: 'getResult',
    method: 'GET',
    path: '/queues/{queue}/messages/{messageId}/result',
    function: 'results',
  },
  rescheduleMessage: {
    operation: 'rescheduleMessage',
    method: 'PATCH',
    path: '/queues/{queue}/messages/{messageId}',
    function: 'messages',
  },
  resendMessage: {
    operation: 'resendMessage',
    method: 'POST',
    path: '/queues/{queue}/messages/{messageId}/resend',
    function: 'messages',
  },
  cancelMessage: {
    operation: 'cancelMessage',
    method: 'DELETE',
    path: '/queues/{queue}/messages/{messageId}',
    function: 'messages',
  },
} as const satisfies Readonly<Record<string, Pick<RouteShape, 'operation' | 'method' | 'path' | 'function'>>>

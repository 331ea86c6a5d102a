import {
  browseAnswer,
  handlesAnswer,
  messageAnswer,
  pollAnswer,
  publishAnswer,
  resultAnswer,
  storedMessage,
} from './answers.ts'
import { browseQuery, pollRequest, rescheduleRequest, resultQuery } from './message-requests.ts'
import { publishHeaders, publishRequest, resendRequest } from './publish-requests.ts'
import { PLACES } from './route-places.ts'
import { none, type RouteShape } from './route-shape.ts'
import { ackRequest, extendRequest, nackRequest, unreceiveRequest } from './settle-requests.ts'

/** The routes of messages. */
export const messageRoutes = [
  {
    ...PLACES.publishMessages,
    summary: 'Publish up to 25 messages',
    query: none,
    headers: publishHeaders,
    request: publishRequest,
    answers: { 201: publishAnswer },
  },
  {
    ...PLACES.pollMessages,
    summary: 'Receive up to 25 messages: each is leased to the caller until its visibility timeout ends',
    query: none,
    request: pollRequest,
    answers: { 200: pollAnswer },
  },
  {
    ...PLACES.ackMessages,
    summary: 'Delete messages whose work is done',
    query: none,
    request: ackRequest,
    answers: { 200: handlesAnswer },
  },
  {
    ...PLACES.extendLeases,
    summary: 'Keep messages leased for longer, or end their leases now',
    query: none,
    request: extendRequest,
    answers: { 200: handlesAnswer },
  },
  {
    ...PLACES.nackMessages,
    summary: 'Give messages back, to be received again now, after a delay, or by the retry policy; or dead-letter them',
    query: none,
    request: nackRequest,
    answers: { 200: handlesAnswer },
  },
  {
    ...PLACES.unreceiveMessages,
    summary: 'Give messages back at once, as if they had not been received',
    query: none,
    request: unreceiveRequest,
    answers: { 200: handlesAnswer },
  },
  {
    ...PLACES.browseMessages,
    summary: 'Read the messages of a queue without receiving them',
    query: browseQuery,
    request: undefined,
    answers: { 200: browseAnswer },
  },
  {
    ...PLACES.getMessage,
    summary: 'Read one message without receiving it',
    query: none,
    request: undefined,
    answers: { 200: messageAnswer },
  },
  {
    ...PLACES.getResult,
    summary: 'Read or wait for what became of a message, on a queue that keeps results',
    query: resultQuery,
    request: undefined,
    answers: { 200: resultAnswer },
  },
  {
    ...PLACES.rescheduleMessage,
    summary: 'Change the due time of a message that is not leased',
    query: none,
    request: rescheduleRequest,
    answers: { 200: storedMessage },
  },
  {
    ...PLACES.resendMessage,
    summary: 'Send a message round again that failed for good or is in the dead-letter queue, as it is or edited',
    query: none,
    request: resendRequest,
    answers: { 200: storedMessage },
  },
  {
    ...PLACES.cancelMessage,
    summary: 'Delete a message that is not leased',
    query: none,
    request: undefined,
    answers: { 204: undefined },
  },
] as const satisfies readonly RouteShape[]

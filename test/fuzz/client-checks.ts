import { isDeepStrictEqual } from 'node:util'
import { messageJson, storedMessageJson } from '../../functions/http/message-json.ts'
import type { HandleResult, Message, PublishResult, StoredMessage } from '../../lib/model/message.ts'
import type { MessageStatus } from '../../lib/model/message-status.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import type { ResultAnswer } from '../../lib/model/result.ts'
import type { Counts } from '../../lib/queues/counts.ts'
import { messageFrom, storedMessageFrom } from '../../lib/transport/http-wire.ts'
import { demand } from './judge.ts'

/** What the last try of a call was answered. */
export interface LastAnswer {
  readonly status: number
  readonly json: unknown
  readonly tries: number
}

/** The checks of what a client resolves to: each value is of its declared type, and a success is one in the answer too. */

type Members = Readonly<Record<string, unknown>>

const member = (json: unknown, name: string): unknown =>
  typeof json === 'object' && json !== null ? (json as Members)[name] : undefined

const isText = (value: unknown): boolean => typeof value === 'string'
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isInstant = (value: unknown): boolean => Number.isFinite(value)

/** Demands that each named member is absent, or passes. */
const checkMembers = (value: object, passes: (member: unknown) => boolean, names: readonly string[]): void => {
  for (const name of names) {
    const one = member(value, name)
    demand(one === undefined || passes(one), `a success has a wrong ${name}`, value)
  }
}

const demandAll = (value: object, names: readonly string[]): void => {
  for (const name of names) demand(member(value, name) !== undefined, `a success has no ${name}`, value)
}

const TEXTS = ['messageId', 'receiptHandle', 'groupId', 'deduplicationId', 'sequenceNumber', 'queue', 'senderId']
const INSTANTS = ['publishedAt', 'dueAt', 'firstReceivedAt', 'leasedUntil', 'visibleAt', 'expiresAt', 'until', 'at']

const checkKinds = (value: object): void => {
  checkMembers(value, isText, TEXTS)
  checkMembers(value, isInstant, INSTANTS)
  checkMembers(value, isCount, ['priority', 'receiveCount'])
}

const CONTENT = ['messageId', 'body', 'attributes', 'publishedAt', 'dueAt', 'priority', 'receiveCount']

/** A message is right, and the same when the API writes it and the client reads it again. */
export const checkMessage = (message: Message): void => {
  checkKinds(message)
  demandAll(message, [...CONTENT, 'receiptHandle', 'firstReceivedAt', 'leasedUntil'])
  demand(isDeepStrictEqual(messageFrom(messageJson(message)), message), 'a message changes on its way', message)
}

export const checkStored = (message: StoredMessage): void => {
  checkKinds(message)
  demandAll(message, [...CONTENT, 'state', 'queue', 'visibleAt', 'expiresAt'])
  demand(isDeepStrictEqual(storedMessageFrom(storedMessageJson(message)), message), 'a message changes', message)
}

export const checkStatus = (status: MessageStatus): void => {
  checkKinds(status)
  demand(isText(status.state), 'a status has no state', status)
  const until = { delayed: 'visibleAt', backingOff: 'visibleAt', leased: 'until', done: 'at', failed: 'at' }
  if (Object.hasOwn(until, status.state)) demandAll(status, [until[status.state as keyof typeof until]])
}

export const checkResult = ({ status, failure, unstored }: ResultAnswer): void => {
  checkStatus(status)
  if (failure) demand(isText(failure.name) && isText(failure.message), 'a failure is none', failure)
  demand(unstored === undefined || isText(unstored), 'a reason is no text', unstored)
}

export const checkQueue = ({ name, settings, createdAt, modifiedAt, tags }: Queue): void => {
  demand(isText(name) && isInstant(createdAt) && isInstant(modifiedAt), 'a queue is none', name)
  demand(isCount(settings.visibilityTimeoutSeconds), 'a lease is no number', settings)
  demand(Object.values(tags).every(isText), 'a tag is no text', tags)
}

export const checkCounts = (counts: Counts): void => {
  demand([counts.ready, counts.delayed, counts.leased].every(isCount), 'a count is none', counts)
  checkMembers(counts, isInstant, ['oldestReadyAt'])
}

export const checkPage = <P extends { readonly cursor?: string }, T>(
  page: P,
  listed: (page: P) => readonly T[],
  check: (one: T) => void,
): void => {
  demand(page.cursor === undefined || isText(page.cursor), 'a cursor is no text', page.cursor)
  for (const one of listed(page)) check(one)
}

const listIn = (json: unknown, name: string): readonly unknown[] => {
  const list = member(json, name)
  return Array.isArray(list) ? list : []
}

export const checkPublished = (results: readonly PublishResult[], { status, json }: LastAnswer): void => {
  demand(results.length === 2 && status < 300, 'a publish of two messages has not two results', results)
  for (const [index, result] of results.entries()) {
    const written = listIn(json, 'messages')[index]
    const stored = result.ok ? result.messageId : undefined
    demand(stored === member(written, 'messageId') && (!result.ok || isText(stored)), 'a publish is garbled', written)
  }
}

/** A receipt handle succeeds only where the answer says so. */
export const checkSettled = (
  results: readonly HandleResult[],
  { status, json, tries }: LastAnswer,
  doneBefore: readonly string[] = [],
): void => {
  demand(results.length === 2 && status < 300, 'two handles have not two results', results)
  for (const [index, { ok }] of results.entries()) {
    const written = listIn(json, 'results')[index]
    const error = member(written, 'error') ?? member(written, 'problem')
    const isRepeat = tries > 1 && doneBefore.includes(String(member(error, 'code')))
    demand(
      ok === (member(written, 'ok') === true || isRepeat),
      'a result of a handle is not that of the answer',
      written,
    )
  }
}

/** A call without a result succeeds by a 204, or when a repeat finds its work done. */
export const checkDone = ({ status, json, tries }: LastAnswer, doneBefore: string): void =>
  demand(
    status === 204 || (tries > 1 && status >= 400 && member(json, 'code') === doneBefore),
    `a call succeeded by an answer of ${status}`,
    json,
  )

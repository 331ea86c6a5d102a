import { isDeepStrictEqual } from 'node:util'
import type { Engine } from '../../lib/engine.ts'
import { nameAdvice } from '../../lib/model/closest-name.ts'
import { HoldfastError, ifQueueExists } from '../../lib/model/errors.ts'
import { newQueueSettings } from '../../lib/model/given-settings.ts'
import { applySettings, type Queue } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { extrasFrom } from '../http/queue-json.ts'
import { type NewQueueBody, settingsIn } from '../http/settings-shape.ts'
import { UNDECLARED } from '../operations/declare-queue.ts'
import { queueNames } from '../sqs/queue-url.ts'
import { type DeclaredQueues, inFile, type QueueFile } from './queue-file.ts'
import type { LocalTrigger } from './triggers/local-trigger.ts'

/** Names of the queues that a file declares, by outcome. */
export interface Declared {
  readonly created: readonly string[]
  readonly changed: readonly string[]
  readonly unchanged: readonly string[]
}

/**
 * Creates or changes the declared queues. A setting that the file lacks gets its default. Where a queue's entry has
 * `tags`, the queue gets exactly those; where it has none, the queue keeps its tags. No queue is deleted. After a failure
 * the queues before the failed one are as declared, and the next start continues.
 *
 * @throws `HoldfastError` with the place in the file
 */
export const declareQueues = async (engine: Engine, { queues, triggers }: QueueFile): Promise<Declared> => {
  await checkTriggerQueues(engine, queues, triggers)
  await checkDeadLetterQueues(engine, queues)
  const created: string[] = []
  const changed: string[] = []
  const unchanged: string[] = []
  // A dead-letter queue must exist before another queue names it, and two may name each other.
  for (const [name, body] of queues) {
    if (await existing(engine, name)) continue
    const { deadLetter: _, ...settings } = settingsIn(body)
    await inPlace(['queues', name], () => createQueue(engine, name, { settings: newQueueSettings(name, settings) }))
    created.push(name)
  }
  for (const [name, body] of queues) {
    const before = await getQueue(engine, name)
    const change = changeTo(name, body, before)
    if (!isChange(before, change)) {
      if (!created.includes(name)) unchanged.push(name)
      continue
    }
    await inPlace(['queues', name], () => updateQueue(engine, name, change))
    if (!created.includes(name)) changed.push(name)
  }
  return { created, changed, unchanged }
}

/** A file declares queues of the server's own account and region, as the HTTP API does. */
const NAMES = queueNames()

/** Refuses a dead-letter queue that is neither declared nor exists, before any queue is created: it is probably a typing mistake. */
const checkDeadLetterQueues = async (engine: Engine, queues: DeclaredQueues): Promise<void> => {
  for (const [name, { deadLetter }] of queues) {
    if (deadLetter) await checkNamed(engine, queues, deadLetter.queue, ['queues', name], 'deadLetter.queue')
  }
}

/** Refuses a trigger of a queue that is neither declared nor exists, and one that moves unmatched messages to such a queue. */
const checkTriggerQueues = async (
  engine: Engine,
  queues: DeclaredQueues,
  triggers: readonly LocalTrigger[],
): Promise<void> => {
  for (const { queue, unmatched } of triggers) {
    await checkNamed(engine, queues, queue, ['triggers', queue])
    if (typeof unmatched !== 'object') continue
    await checkNamed(engine, queues, unmatched.queue, ['triggers', queue], 'unmatched.queue')
  }
}

/** @param field the member that names the queue; empty where the key of the entry names it */
const checkNamed = async (
  engine: Engine,
  queues: DeclaredQueues,
  name: string,
  place: readonly string[],
  field = '',
): Promise<void> => {
  if (queues.has(name) || (await existing(engine, name))) return
  const advice = nameAdvice(name, [...queues.keys()])
  const rule = `names the queue ${JSON.stringify(name)}, which the file does not declare and which does not exist: ${advice}`
  throw inFile(place, new HoldfastError('InvalidRequest', `${field} ${rule}`, { field, value: name }))
}

interface Change {
  readonly settings: ReturnType<typeof newQueueSettings>
  readonly tags?: Readonly<Record<string, string | null>>
  readonly extras: Readonly<Record<string, string | null>>
}

/** The change that makes a queue what the file declares. */
const changeTo = (name: string, body: NewQueueBody, present: Queue): Change => {
  const { tags, redriveAllowPolicy = null } = body
  const removed = Object.keys(present.tags).filter((key) => tags && !Object.hasOwn(tags, key))
  return {
    settings: { ...UNDECLARED, ...newQueueSettings(name, settingsIn(body)) },
    ...(tags && { tags: { ...tags, ...Object.fromEntries(removed.map((key) => [key, null])) } }),
    extras: extrasFrom({ redriveAllowPolicy }, NAMES),
  }
}

const isChange = ({ name, settings, tags, extras }: Queue, change: Change): boolean => {
  const differs = (present: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string | null>> = {}) =>
    Object.entries(wanted).some(([key, value]) => (present[key] ?? null) !== value)
  return (
    !isDeepStrictEqual(applySettings(name, change.settings, settings), settings) ||
    differs(tags, change.tags) ||
    differs(extras, change.extras)
  )
}

const inPlace = async (at: readonly string[], work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    throw inFile(at, error)
  }
}

const existing = (engine: Engine, name: string): Promise<Queue | undefined> => ifQueueExists(getQueue(engine, name))

/** The outcome, as text for the terminal. */
export const declaredText = (file: string, { created, changed, unchanged }: Declared): string => {
  const parts = [
    ...(created.length > 0 ? [`created ${created.join(', ')}`] : []),
    ...(changed.length > 0 ? [`changed ${changed.join(', ')}`] : []),
    ...(unchanged.length > 0 ? [`left ${unchanged.length} as ${unchanged.length === 1 ? 'it is' : 'they are'}`] : []),
  ]
  return `Queues of ${file}: ${parts.join('; ') || 'it declares none'}.`
}

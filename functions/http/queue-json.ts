import {
  DEFAULT_FIFO,
  plainName,
  type Queue,
  type RetryPolicy,
  type SettingsChange,
} from '../../lib/model/queue-settings.ts'
import type { Counts } from '../../lib/queues/counts.ts'
import { type QueueNames, queueArn, type Scope } from '../sqs/queue-url.ts'
import { readRedriveAllowPolicy, redriveAllowText } from '../sqs/redrive-policy.ts'
import { defined, iso } from './message-json.ts'
import type { NewQueueBody, QueueChangeBody, RedriveAllowPolicyBody } from './settings-shape.ts'

/** A queue as the HTTP API writes it: what `PUT` and `PATCH` take stands at the top level, where they take it. */
export const queueJson = (queue: Queue, names: QueueNames, counts?: Counts) => ({
  name: plainName(queue.name),
  ...queue.settings,
  ...(queue.settings.deadLetter && {
    deadLetter: { ...queue.settings.deadLetter, queue: plainName(queue.settings.deadLetter.queue) },
  }),
  ...(queue.extras.RedriveAllowPolicy !== undefined && {
    redriveAllowPolicy: redriveAllowPolicyJson(queue.extras.RedriveAllowPolicy, names),
  }),
  tags: queue.tags,
  createdAt: iso(queue.createdAt),
  modifiedAt: iso(queue.modifiedAt),
  ...(counts && { counts: countsJson(counts) }),
})

/** Queues of the home account and region by their names, as everywhere in this API; others by their ARNs. */
const redriveAllowPolicyJson = (text: string, { home }: QueueNames): RedriveAllowPolicyBody => {
  const { permission, sources } = readRedriveAllowPolicy(text)
  const isHome = ({ account, region }: Scope) => account === home.account && region === home.region
  return {
    permission,
    ...(sources && {
      sourceQueues: sources.map((source) => (isHome(source) ? source.name : queueArn(source))),
    }),
  }
}

/** What a request changes of a queue beside its settings and tags: SQS keeps it with the queue, and both read it. */
export const extrasFrom = ({ redriveAllowPolicy }: QueueChangeBody, { home }: QueueNames) => {
  if (redriveAllowPolicy === undefined) return {}
  if (redriveAllowPolicy === null) return { RedriveAllowPolicy: null }
  const { permission, sourceQueues } = redriveAllowPolicy
  const sources = sourceQueues?.map((name) => ({ ...home, name }))
  return { RedriveAllowPolicy: redriveAllowText({ permission, ...(sources && { sources }) }) }
}

const countsJson = ({ oldestReadyAt, ...counts }: Counts) => ({
  ...counts,
  ...(oldestReadyAt !== undefined && { oldestReadyAt: iso(oldestReadyAt) }),
})

const DEFAULT_RETRY: Omit<RetryPolicy, 'initialSeconds'> = { factor: 2, maximumSeconds: 3_600, jitter: 'full' }

/**
 * Settings to create a queue with. A queue whose name ends in `.fifo` is one of that kind, with or without saying so;
 * what else is wrong about `fifo` the engine refuses.
 */
export const creationFrom = (name: string, given: NewQueueBody): SettingsChange =>
  settingsFrom(name.endsWith('.fifo') ? { fifo: {}, ...given } : given, DEFAULT_FIFO)

/** Changes of settings. Members of `fifo` that are left out stay as they are in `present`. */
export const changeFrom = (given: QueueChangeBody, present: Queue | undefined): SettingsChange =>
  settingsFrom(given, present?.settings.fifo ?? DEFAULT_FIFO)

const settingsFrom = (
  { tags: _, redriveAllowPolicy: __, fifo, retryPolicy, ...plain }: QueueChangeBody,
  fifoBase: typeof DEFAULT_FIFO,
): SettingsChange => ({
  ...defined(plain),
  ...(fifo !== undefined && { fifo: fifo && { ...fifoBase, ...defined(fifo) } }),
  ...(retryPolicy !== undefined && {
    retryPolicy: retryPolicy && { ...DEFAULT_RETRY, ...defined(retryPolicy) },
  }),
})

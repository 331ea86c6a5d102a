import { plainName } from '../../lib/model/queue-name.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import type { Counts } from '../../lib/queues/counts.ts'
import { type QueueNames, queueArn, type Scope } from '../sqs/queue-url.ts'
import { readRedriveAllowPolicy, redriveAllowText } from '../sqs/redrive-policy.ts'
import { iso } from './message-json.ts'
import type { QueueChangeBody, RedriveAllowPolicyBody } from './settings-shape.ts'

/** A queue in the JSON of the HTTP API. Its settings are members of the top level, as `PUT` and `PATCH` take them. */
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

/** Names queues of the home account and region by name, as everywhere in this API, and others by ARN. */
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

/** What a request changes besides settings and tags. It is stored in the form that the SQS endpoint reads too. */
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

import type { NewMessage } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import type { Publish } from '../history.ts'
import { type AskedMessage, publishAnswer } from '../operations.ts'
import { type Actor, idOf, type World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

const MAX_TRIES = 3

type PlannedMessage = NewMessage & { readonly body: string }

interface Planned {
  readonly message: PlannedMessage
  readonly publish: Publish
}

/** Publishes a few messages, or 25. A publish with deduplication ids or a key is sent again when it failed or was answered late. */
export const publisher: Work = async (world, actor) => {
  const { random, process } = actor
  const size = Math.min(
    random.chance(0.1) ? 25 : random.whole(1, world.settings.kind === 'fifo' ? 4 : 5),
    world.spans.largestPublish,
  )
  const key = random.chance(world.settings.idempotencyKeys ?? 0) ? idOf(actor) : undefined
  const sent = Array.from({ length: size }, (_, place) => planned(world, actor, place, key))
  const pause = random.whole(1, world.spans.publishEveryMs)
  const repeatsAfterMs = random.chance(0.5) ? 0 : random.whole(0, REPEATED_WITHIN_MS)
  const repeats = random.chance(0.5)
  const names = sent.map(({ message }) => shown(message)).join(', ')
  world.story?.note(world.scheduler.now(), actor.name, `publishes ${names}${key === undefined ? '' : ` under ${key}`}`)
  const first = sendUntilDone(world, actor, sent, key)
  // As a client without a timely answer does: beside the first request, or when that may have been done long ago.
  if (key !== undefined && repeats)
    world.aside(repeatLater(world, actor, { sent, key, afterMs: repeatsAfterMs }), actor)
  await first
  await process.sleep(pause)
}

const REPEATED_WITHIN_MS = 6_000

const repeatLater = async (
  world: World,
  actor: Actor,
  { sent, key, afterMs }: { sent: readonly Planned[]; key: string; afterMs: number },
): Promise<void> => {
  await actor.process.sleep(afterMs)
  await sendUntilDone(world, actor, sent, key)
}

const sendUntilDone = async (
  world: World,
  actor: Actor,
  sent: readonly Planned[],
  key: string | undefined,
): Promise<void> => {
  let left = sent
  for (let attempt = 0; left.length > 0 && attempt < MAX_TRIES; attempt++) {
    left = (await send(world, actor, left, key)).filter(
      ({ message }) => key !== undefined || message.deduplicationId !== undefined,
    )
  }
}

/** Returns the messages that failed. */
const send = async (
  { history, log, scheduler, story, settings }: World,
  { name, process }: Actor,
  sent: readonly Planned[],
  key: string | undefined,
): Promise<readonly Planned[]> => {
  try {
    const messages = sent.map(({ message }) => message)
    const options = key === undefined ? {} : { idempotencyKey: key }
    const queue = queueName(settings)
    const answered = log.asked(
      name,
      {
        op: 'publish',
        queue,
        key,
        messages: messages.map(askedMessage),
      },
      process.engine.clock.now(),
    )
    const results = await publish(process.engine, queue, messages, options)
    answered(publishAnswer(results))
    return sent.filter(({ publish: one, message }, position) => {
      const result = results[position]
      if (!result?.ok) return passing(result?.error) !== undefined
      history.published(one, result, scheduler.now())
      story?.note(scheduler.now(), name, `is promised ${message.body} as ${result.messageId}`)
      return false
    })
  } catch (error) {
    const { code } = passing(error)
    story?.note(scheduler.now(), name, `is not answered: ${code}`)
    return sent
  }
}

export const askedMessage = ({
  body,
  groupId,
  deduplicationId,
  delaySeconds,
  timeToLiveSeconds,
}: PlannedMessage): AskedMessage => ({ body, group: groupId, deduplicationId, delaySeconds, timeToLiveSeconds })

const shown = ({ body, groupId, delaySeconds }: NewMessage): string =>
  `${body}${groupId === undefined ? '' : ` to ${groupId}`}${delaySeconds ? ` in ${delaySeconds} s` : ''}`

export const planned = (world: World, actor: Actor, place: number, key?: string): Planned => {
  const message =
    world.settings.kind === 'fifo' ? fifoMessage(world, actor, place) : standardMessage(world, actor, place)
  const { body, groupId, deduplicationId, timeToLiveSeconds } = message
  const startedAt = world.scheduler.now()
  return {
    message,
    publish: world.history.publishing({ body, groupId, deduplicationId, timeToLiveSeconds, key, startedAt }),
  }
}

const bodyOf = (actor: Actor, place: number) => `${idOf(actor)}-${place}`

const standardMessage = (world: World, actor: Actor, place: number): PlannedMessage => {
  const { settings } = world
  const { random } = actor
  const { priorities = 1 } = settings.settings ?? {}
  const groupId = settings.groups && random.oneOf(settings.groups)
  return {
    body: bodyOf(actor, place),
    ...(groupId !== undefined && { groupId }),
    ...(random.chance(0.2) && { delaySeconds: random.whole(0, settings.trigger && !settings.trigger.beside ? 60 : 4) }),
    ...(random.chance(0.3) && { priority: random.whole(0, (priorities as number) - 1) }),
    ...(random.chance(settings.deduplicationIds ?? 0) && {
      deduplicationId: deduplicationIdOf(world, actor, place, groupId),
    }),
    ...(random.chance(settings.timesToLive ?? 0) && { timeToLiveSeconds: random.whole(1, 10) }),
  }
}

/** Several messages may share an id only within a group: the group of a message decides which messages its id is compared with. */
const deduplicationIdOf = ({ scheduler }: World, actor: Actor, place: number, groupId = 'none'): string => {
  const round = Math.floor(scheduler.now() / 200)
  const isShared = actor.random.chance(0.3)
  return isShared ? `shared-${groupId}-${round}-${actor.random.whole(1, 2)}` : `own-${bodyOf(actor, place)}`
}

const fifoMessage = (world: World, actor: Actor, place: number): PlannedMessage => {
  const { settings } = world
  const { random } = actor
  const { timesToLive = 0 } = settings
  const groupId = random.oneOf(settings.groups ?? ['only'])
  const id = deduplicationIdOf(world, actor, place, groupId)
  return {
    body: bodyOf(actor, place),
    groupId,
    ...(random.chance(0.8) && { deduplicationId: id }),
    ...(timesToLive > 0 && random.chance(timesToLive) && { timeToLiveSeconds: random.whole(1, 10) }),
  }
}

import type { NewMessage } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import type { Publish } from '../history.ts'
import { type Actor, idOf, type World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

const MAX_TRIES = 3

type PlannedMessage = NewMessage & { readonly body: string }

interface Planned {
  readonly message: PlannedMessage
  readonly publish: Publish
}

/** Publishes a few messages, or 25; sends again what failed and has a deduplication id. */
export const publisher: Work = async (world, actor) => {
  const { random, process } = actor
  const { history, scheduler, story } = world
  const size = random.chance(0.1) ? 25 : random.whole(1, world.settings.kind === 'fifo' ? 4 : 5)
  let left = Array.from({ length: size }, (_, place) => planned(world, actor, place))
  const pause = random.whole(1, world.spans.publishEveryMs)
  story?.note(scheduler.now(), actor.name, `publishes ${left.map(({ message }) => shown(message)).join(', ')}`)
  for (let attempt = 0; left.length > 0 && attempt < MAX_TRIES; attempt++) {
    const failed: Planned[] = []
    try {
      const results = await publish(
        process.engine,
        queueName(world.settings),
        left.map(({ message }) => message),
      )
      for (const [position, result] of results.entries()) {
        const one = left[position] as Planned
        if (result.ok) {
          history.published(one.publish, result, scheduler.now())
          story?.note(scheduler.now(), actor.name, `is promised ${one.message.body} as ${result.messageId}`)
        } else if (passing(result.error) && one.message.deduplicationId !== undefined) failed.push(one)
      }
    } catch (error) {
      const { code } = passing(error)
      story?.note(scheduler.now(), actor.name, `is not answered: ${code}`)
      failed.push(...left.filter(({ message }) => message.deduplicationId !== undefined))
    }
    left = failed
  }
  await process.sleep(pause)
}

const shown = ({ body, groupId, delaySeconds }: NewMessage): string =>
  `${body}${groupId === undefined ? '' : ` to ${groupId}`}${delaySeconds ? ` in ${delaySeconds} s` : ''}`

export const planned = (world: World, actor: Actor, place: number): Planned => {
  const message =
    world.settings.kind === 'fifo' ? fifoMessage(world, actor, place) : standardMessage(world, actor, place)
  const { body, groupId, deduplicationId, timeToLiveSeconds } = message
  const startedAt = world.scheduler.now()
  return {
    message,
    publish: world.history.publishing({ body, groupId, deduplicationId, timeToLiveSeconds, startedAt }),
  }
}

const bodyOf = (actor: Actor, place: number) => `${idOf(actor)}-${place}`

const standardMessage = ({ settings }: World, actor: Actor, place: number): PlannedMessage => {
  const { random } = actor
  const { priorities = 1 } = settings.settings ?? {}
  return {
    body: bodyOf(actor, place),
    ...(settings.groups && { groupId: random.oneOf(settings.groups) }),
    ...(random.chance(0.2) && { delaySeconds: random.whole(0, settings.trigger ? 60 : 4) }),
    ...(random.chance(0.3) && { priority: random.whole(0, (priorities as number) - 1) }),
    ...(random.chance(settings.deduplicationIds ?? 0) && { deduplicationId: `own-${bodyOf(actor, place)}` }),
    ...(random.chance(settings.timesToLive ?? 0) && { timeToLiveSeconds: random.whole(1, 10) }),
  }
}

const fifoMessage = ({ settings, scheduler }: World, actor: Actor, place: number): PlannedMessage => {
  const { random } = actor
  const groupId = random.oneOf(settings.groups ?? ['only'])
  const round = Math.floor(scheduler.now() / 200)
  // An id that is used by several at once is used in one group: a message's group tells what it is held against.
  const id = random.chance(0.3) ? `shared-${groupId}-${round}-${random.whole(1, 2)}` : `own-${bodyOf(actor, place)}`
  return { body: bodyOf(actor, place), groupId, ...(random.chance(0.8) && { deduplicationId: id }) }
}

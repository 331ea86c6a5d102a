import { bodyText } from '../../lib/model/message.ts'
import type { InvokeOutcome, TriggerEvent } from '../../lib/triggers/invoker.ts'
import { dispatch } from '../../lib/triggers/run.ts'
import { ASSEMBLY_MS, INVOCATION_MARGIN_MS } from '../../lib/triggers/times.ts'
import type { Trigger } from '../../lib/triggers/trigger.ts'
import { passing } from './actors/employ.ts'
import { claimOf, type Invocation, removed } from './history.ts'
import type { RandomStream } from './random-stream.ts'
import type { SimulatedFunction } from './trigger-function.ts'
import type { Actor, World } from './world.ts'
import { queueName } from './world-settings.ts'

const RUN_MS = 90_000
/** Time between the start of a run and its first step. */
const START_MS = [20, 1_500] as const

export type StartRun = (random: RandomStream) => Promise<void>

/** How long the dispatcher leases what it receives. */
export const triggerLeaseMs = ({
  batchingWindowSeconds,
  functionTimeoutSeconds,
}: Pick<Trigger, 'batchingWindowSeconds' | 'functionTimeoutSeconds'>): number =>
  (batchingWindowSeconds + functionTimeoutSeconds) * 1_000 + ASSEMBLY_MS + INVOCATION_MARGIN_MS

/** Starts runs of the dispatcher, each in a process of its own, which Lambda ends when its time is over. */
export const runStarter = (world: World, simulated: SimulatedFunction, startsLost: () => number): StartRun => {
  const { scheduler } = world
  let count = 0
  /** @param random the numbers of the actor that starts the run */
  const startRun: StartRun = async (random) => {
    const startMs = random.whole(...(world.settings.trigger?.startMs ?? START_MS))
    if (random.chance(startsLost())) return
    scheduler.after(startMs, () => {
      const actor = world.newActor(`dispatcher-${++count}`)
      world.begin(actor, false)
      const ended = runOnce(world, actor, simulated, startRun)
      world.aside(ended, actor)
      void scheduler.sleep(runMsOf(world)).then(() => actor.process.kill())
    })
  }
  return startRun
}

const runMsOf = ({ settings: { trigger } }: World): number => trigger?.runMs ?? RUN_MS

const runOnce = async (world: World, actor: Actor, simulated: SimulatedFunction, startRun: StartRun): Promise<void> => {
  const { scheduler, settings, story } = world
  const { engine } = actor.process
  const own: Invocation[] = []
  let failures = 0
  story?.note(scheduler.now(), actor.name, 'begins')
  const observe = ({ type }: TriggerEvent) => {
    if (type === 'lease-lost' || type === 'settling-failed') failures++
  }
  try {
    const end = await dispatch(engine, {
      queue: queueName(settings),
      endsAt: engine.clock.now() + runMsOf(world),
      invoker: {
        fitting: async (_, messages) => messages.length,
        records: async (_, messages) => messages.map(({ body }) => ({ body: bodyText(body) })),
        invoke: invokerOf(world, actor, simulated, own),
      },
      startRun: () => startRun(world.randomOf(actor, 0)),
      observe,
    })
    for (const invocation of own) settled(world, invocation, failures === 0)
    story?.note(scheduler.now(), actor.name, `ends: ${end}`)
  } catch (error) {
    if (!world.tolerates(error)) story?.note(scheduler.now(), actor.name, `ends: ${passing(error).code}`)
  }
}

/** Invokes the function for a run, and records what the run receives and settles. */
const invokerOf = (world: World, actor: Actor, simulated: SimulatedFunction, own: Invocation[]) => {
  const { scheduler } = world
  let invocations = 0
  // A run makes one poll after the other, and invokes the function before it polls again.
  let polledFrom = scheduler.now()
  return async (trigger: Trigger, messages: Invocation['messages']): Promise<InvokeOutcome> => {
    const random = world.randomOf(actor, ++invocations)
    const startedAt = polledFrom
    polledFrom = scheduler.now()
    let invocation: Invocation | undefined
    const onStart = (one: Invocation) => {
      invocation = one
      received(world, one, startedAt, triggerLeaseMs(trigger))
    }
    const outcome = await simulated.invoke({ by: actor.name, trigger, messages, random, onStart })
    // Once the process is killed, nothing of the run goes on.
    if (!actor.process.isAlive()) await new Promise(() => {})
    if (invocation) {
      answered(world, actor, invocation, outcome)
      own.push(invocation)
    }
    return outcome
  }
}

/** The function receives the messages. */
const received = ({ history, settings }: World, invocation: Invocation, startedAt: number, leaseMs: number): void => {
  const poll = { startedAt, endedAt: invocation.startedAt, leaseMs, byTrigger: true }
  history.invocations.push(invocation)
  invocation.deliveries = history.received(queueName(settings), invocation.messages, poll)
}

/** From now on the run acks what the function is done with, and gives back the others. */
const answered = (
  { history, scheduler, settings: { kind } }: World,
  { process }: Actor,
  invocation: Invocation,
  outcome: InvokeOutcome,
): void => {
  if (outcome.kind === 'unknown' || outcome.kind === 'not-run') return
  const failedGroups = new Set<string | undefined>()
  invocation.removals = invocation.deliveries.flatMap((delivery) => {
    const { messageId, groupId } = delivery.message
    const isDone = outcome.kind === 'answered' && !outcome.failed.has(messageId) && !failedGroups.has(groupId)
    if (isDone) return [history.removing(messageId, scheduler.now(), delivery)]
    if (kind === 'fifo') failedGroups.add(groupId)
    history.nacks++
    history.givingBack(delivery, process.engine.clock.now())
    return []
  })
}

/** The run has ended. What it has removed is in the ledger: its acks have no answers here. */
const settled = ({ history, scheduler }: World, invocation: Invocation, everything: boolean): void => {
  if (everything) invocation.settledAt = scheduler.now()
  for (const removal of invocation.removals) {
    const claim = removal.delivery && claimOf(history, removal.delivery)
    const gone = history.ledger.of(removal.messageId)?.removals.find(({ token }) => token === claim?.token)
    if (gone) removed(removal, gone.at)
  }
}

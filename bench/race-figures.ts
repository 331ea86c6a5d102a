import type { Figure } from './figures.ts'
import { type Race, runRace } from './races.ts'
import type { Rig } from './rig.ts'

/** Batch sizes of publishes and polls, with the goal for the write units that lost races waste for each message. */
const KINDS = [
  { publishedBy: 10, polledBy: 10, goal: 0.1 },
  { publishedBy: 10, polledBy: 1, goal: 0.5 },
  { publishedBy: 1, polledBy: 10, goal: 0.5 },
] as const
const POLLERS = [1, 4, 16]

/** Write units that pollers waste when they empty one shard together, each as fast as possible. */
export const raceFigures = async (rig: Rig, { messages = 2_000 } = {}): Promise<Figure[]> => {
  const figures: Figure[] = []
  const add = async (section: string, race: Race, goal?: number) => {
    const { wastedPerMessage, writesPerMessage, readsPerMessage, medianMs } = await runRace(rig, race)
    figures.push(
      {
        section,
        name: 'write units wasted',
        value: wastedPerMessage,
        unit: 'per message',
        ...(goal !== undefined && { goal }),
      },
      { section, name: 'write units of poll and ack', value: writesPerMessage, unit: 'per message' },
      { section, name: 'read units', value: readsPerMessage, unit: 'per message' },
    )
    if (medianMs !== undefined)
      figures.push({ section, name: 'from publish to poll, median', value: medianMs, unit: 'ms' })
  }
  for (const pollers of POLLERS) {
    for (const { publishedBy, polledBy, goal } of KINDS) {
      await add(titleOf(pollers, publishedBy, polledBy), { pollers, publishedBy, polledBy, messages }, goal)
    }
  }
  for (const { publishedBy, polledBy, goal } of KINDS) {
    const race = { pollers: 16, publishedBy, polledBy, messages, together: true }
    await add(`${titleOf(16, publishedBy, polledBy)}, all in one process`, race, goal)
  }
  const trickle = { pollers: 16, publishedBy: 1, polledBy: 1, messages: 200, trickleMs: 50 }
  await add('16 pollers, one message every 50 ms', trickle)
  await add('16 long pollers, one message every 50 ms', { ...trickle, waitTimeSeconds: 20 })
  return figures
}

const titleOf = (pollers: number, publishedBy: number, polledBy: number): string =>
  `${pollers} ${pollers === 1 ? 'poller' : 'pollers'}, published by ${publishedBy}, polled by ${polledBy}`

import type { Engine } from '../lib/engine.ts'
import { poll } from '../lib/receive/poll.ts'
import type { Figure } from './figures.ts'
import type { Usage } from './meter.ts'

/** Figures of the units and round trips of one poll, the mean of `polls`. */
export const costs = (section: string, name: string, usage: Usage, polls: number, goals: Goals = {}): Figure[] => [
  { section, name: `${name}: read units`, value: usage.readUnits / polls, unit: '', ...goal(goals.readUnits) },
  { section, name: `${name}: write units`, value: usage.writeUnits / polls, unit: '', ...goal(goals.writeUnits) },
  { section, name: `${name}: round trips`, value: usage.rounds / polls, unit: '', ...goal(goals.rounds) },
]

type Goals = { readonly [K in 'readUnits' | 'writeUnits' | 'rounds']?: number }
export const goal = (value: number | undefined) => (value === undefined ? {} : { goal: value })

/** Polls ten messages at a time. @throws if a poll gets fewer */
export const expectMessages = async (engine: Engine, queue: string, polls: number): Promise<void> => {
  for (let count = 0; count < polls; count++) {
    const messages = await poll(engine, queue, { maxMessages: 10 })
    if (messages.length !== 10) throw new Error(`a poll got ${messages.length} messages of 10`)
  }
}

/** Polls a queue whose messages can't be received. @throws if a poll gets one */
export const expectNothing = async (engine: Engine, queue: string, polls: number): Promise<void> => {
  for (let count = 0; count < polls; count++) {
    const { length } = await poll(engine, queue, { maxMessages: 10 })
    if (length > 0) throw new Error('a busy group was polled')
  }
}

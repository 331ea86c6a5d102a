import type { Engine } from '../engine.ts'
import type { JsonValue } from '../model/message.ts'
import { bestEffort } from '../store/best-effort.ts'
import { SLOT_PREFIX, triggerPartition, triggerSlotKey } from '../store/keys.ts'
import { INVOCATION_MARGIN_MS, SLOT_AHEAD_MS } from './times.ts'

/** One of the invocations that may run at one time. */
interface SlotRecord {
  readonly runId: string
  /** Epoch ms; until then an invocation of this run may be under way in it. */
  readonly busyUntil: number
}

export interface Slot {
  readonly number: number
  /** No invocation may still be under way after this instant, epoch ms. */
  readonly busyUntil: number
}

/**
 * The slots of one trigger, as one run knows them.
 *
 * Invariant: an invocation begins only in a slot whose record has this run's id, and ends, even if it is cut off by its
 * own timeout, before the record's `busyUntil`. A record is replaced by another run only after its `busyUntil`. So at
 * most as many invocations run at one time as there are slots, whatever dies, pauses or loses an answer.
 */
export interface Slots {
  /** A free slot that is written far enough ahead for one invocation that begins now; nothing where none is free. */
  acquire(max: number, invocationMs: number): Promise<Slot | undefined>
  /** Nothing is under way in it any more. */
  free(slot: Slot): void
  /** Something may be under way in it until then, epoch ms. */
  freeAt(slot: Slot, at: number): void
  /** When to try again where none was free, as far as time alone changes that; epoch ms. */
  nextFreeAt(max: number): number
  /** Gives the run's free slots to whichever run comes next. A slot that was never freed stays taken until its end. */
  release(): Promise<void>
}

interface Known extends SlotRecord {
  readonly version: number
}

const PAGE = 100
/** How often the slots of other runs are read again while none is free. */
const REREAD_MS = 1_000

export const slotsOf = async (engine: Engine, queue: string, runId: string): Promise<Slots> => {
  const known = new Map<number, Known>()
  /** Slots with an invocation, and when it must have ended, where its own answer will not say so. */
  const inUse = new Map<number, number>()

  let readAt = Number.NEGATIVE_INFINITY
  const readAll = async (): Promise<void> => {
    readAt = engine.clock.now()
    for (let after: string | undefined; ; ) {
      const page = await engine.store.listDocuments({
        partition: triggerPartition(queue),
        prefix: SLOT_PREFIX,
        limit: PAGE,
        consistent: true,
        ...(after !== undefined && { after }),
      })
      for (const { sort, value, version } of page) {
        known.set(Number(sort.slice(SLOT_PREFIX.length)), { ...(value as unknown as SlotRecord), version })
      }
      after = page.at(-1)?.sort
      if (page.length < PAGE || after === undefined) return
    }
  }

  const isOwn = (record: Known | undefined): record is Known => record?.runId === runId
  /** The difference of two clocks is within the margin of `busyUntil` itself. */
  const isOpen = (record: Known | undefined): boolean => !record || record.busyUntil <= engine.clock.now()

  /** Writes a slot's record, and answers what it is now. */
  const write = async (number: number, busyUntil: number): Promise<Known | undefined> => {
    const version = known.get(number)?.version ?? 0
    const record: SlotRecord = { runId, busyUntil }
    const key = triggerSlotKey(queue, number)
    const value = record as unknown as JsonValue
    const { applied } = await engine.store.transact([{ kind: 'put', key, value, ifVersion: version }])
    if (applied) known.set(number, { ...record, version: version + 1 })
    else {
      const found = await engine.store.getDocument(key, { consistent: true })
      if (found) known.set(number, { ...(found.value as unknown as SlotRecord), version: found.version })
    }
    return known.get(number)
  }

  await readAll()

  const candidates = (max: number): number[] => {
    for (const [number, until] of inUse) if (until <= engine.clock.now()) inUse.delete(number)
    const all = Array.from({ length: max }, (_, number) => number).filter((number) => !inUse.has(number))
    // Those that need no write first, so that few slots serve a queue that needs few.
    const rank = (number: number): number => (isOwn(known.get(number)) ? 0 : 1)
    return all.sort((a, b) => rank(a) - rank(b) || a - b)
  }

  return {
    acquire: async (max, invocationMs) => {
      for (const number of candidates(max)) {
        const record = known.get(number)
        const needed = engine.clock.now() + invocationMs + INVOCATION_MARGIN_MS
        if (isOwn(record) && record.busyUntil >= needed) {
          inUse.set(number, Number.POSITIVE_INFINITY)
          return { number, busyUntil: record.busyUntil }
        }
        if (!isOwn(record) && !isOpen(record)) continue
        inUse.set(number, Number.POSITIVE_INFINITY)
        const written = await write(number, needed + SLOT_AHEAD_MS).catch((error: unknown) => {
          inUse.delete(number)
          throw error
        })
        // Its own, too, where an earlier write took effect whose answer was lost.
        if (isOwn(written) && written.busyUntil >= needed) return { number, busyUntil: written.busyUntil }
        inUse.delete(number)
      }
      // Another run may have given slots back before their time.
      if (engine.clock.now() - readAt >= REREAD_MS) await readAll()
      return undefined
    },
    free: ({ number }) => void inUse.delete(number),
    freeAt: ({ number }, at) => void inUse.set(number, at),
    nextFreeAt: (max) => {
      const others = [...known].filter(([number, record]) => number < max && !isOwn(record))
      const ends = [...others.map(([, { busyUntil }]) => busyUntil), ...inUse.values()]
      const nextReadAt = others.length > 0 ? readAt + REREAD_MS : Number.POSITIVE_INFINITY
      return Math.min(nextReadAt, ...ends)
    },
    release: async () => {
      await Promise.all(
        [...known].map(async ([number, record]) => {
          if (!isOwn(record) || inUse.has(number) || record.busyUntil === 0) return
          // The record stays: a version that came again would let a run that was paused take the slot of another.
          await bestEffort(write(number, 0))
        }),
      )
    },
  }
}

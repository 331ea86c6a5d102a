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

/** @param runId of the run that begins invocations in them */
export const slotsOf = async (engine: Engine, queue: string, runId: string): Promise<Slots> => {
  const slots = new SlotsOfRun(engine, queue, runId)
  await slots.readAll()
  return slots
}

class SlotsOfRun implements Slots {
  readonly #engine: Engine
  readonly #queue: string
  readonly #runId: string
  readonly #known = new Map<number, Known>()
  /** Slots with an invocation, and when it must have ended, where its own answer will not say so. */
  readonly #inUse = new Map<number, number>()
  #readAt = Number.NEGATIVE_INFINITY

  constructor(engine: Engine, queue: string, runId: string) {
    this.#engine = engine
    this.#queue = queue
    this.#runId = runId
  }

  async acquire(max: number, invocationMs: number): Promise<Slot | undefined> {
    for (const number of this.#candidates(max)) {
      const slot = await this.#acquireOne(number, invocationMs)
      if (slot) return slot
    }
    // Another run may have given slots back before their time.
    if (this.#engine.clock.now() - this.#readAt >= REREAD_MS) await this.readAll()
    return undefined
  }

  free({ number }: Slot): void {
    this.#inUse.delete(number)
  }

  freeAt({ number }: Slot, at: number): void {
    this.#inUse.set(number, at)
  }

  nextFreeAt(max: number): number {
    const others = [...this.#known].filter(([number, record]) => number < max && !this.#isOwn(record))
    const ends = [...others.map(([, { busyUntil }]) => busyUntil), ...this.#inUse.values()]
    const nextReadAt = others.length > 0 ? this.#readAt + REREAD_MS : Number.POSITIVE_INFINITY
    return Math.min(nextReadAt, ...ends)
  }

  async release(): Promise<void> {
    await Promise.all(
      [...this.#known].map(async ([number, record]) => {
        if (!this.#isOwn(record) || this.#inUse.has(number) || record.busyUntil === 0) return
        // The record stays: a version that came again would let a run that was paused take the slot of another.
        await bestEffort(this.#write(number, 0))
      }),
    )
  }

  async readAll(): Promise<void> {
    this.#readAt = this.#engine.clock.now()
    for (let after: string | undefined; ; ) {
      const page = await this.#engine.store.listDocuments({
        partition: triggerPartition(this.#queue),
        prefix: SLOT_PREFIX,
        limit: PAGE,
        consistent: true,
        ...(after !== undefined && { after }),
      })
      for (const { sort, value, version } of page) {
        this.#observe(Number(sort.slice(SLOT_PREFIX.length)), value, version)
      }
      after = page.at(-1)?.sort
      if (page.length < PAGE || after === undefined) return
    }
  }

  #observe(number: number, value: JsonValue, version: number): void {
    this.#known.set(number, { ...(value as unknown as SlotRecord), version })
  }

  #isOwn(record: Known | undefined): record is Known {
    return record?.runId === this.#runId
  }

  /** The difference of two clocks is within the margin of `busyUntil` itself. */
  #isOpen(record: Known | undefined): boolean {
    return !record || record.busyUntil <= this.#engine.clock.now()
  }

  /** The slots without an invocation of this run: those that need no write first, so that few slots serve a queue that needs few. */
  #candidates(max: number): number[] {
    for (const [number, until] of this.#inUse) if (until <= this.#engine.clock.now()) this.#inUse.delete(number)
    const all = Array.from({ length: max }, (_, number) => number).filter((number) => !this.#inUse.has(number))
    const rank = (number: number): number => (this.#isOwn(this.#known.get(number)) ? 0 : 1)
    return all.sort((a, b) => rank(a) - rank(b) || a - b)
  }

  /** Takes one slot, by a write where its record does not reach far enough; nothing where another run has it. */
  async #acquireOne(number: number, invocationMs: number): Promise<Slot | undefined> {
    const record = this.#known.get(number)
    const needed = this.#engine.clock.now() + invocationMs + INVOCATION_MARGIN_MS
    if (this.#isOwn(record) && record.busyUntil >= needed) {
      this.#inUse.set(number, Number.POSITIVE_INFINITY)
      return { number, busyUntil: record.busyUntil }
    }
    if (!this.#isOwn(record) && !this.#isOpen(record)) return undefined
    this.#inUse.set(number, Number.POSITIVE_INFINITY)
    const written = await this.#write(number, needed + SLOT_AHEAD_MS).catch((error: unknown) => {
      this.#inUse.delete(number)
      throw error
    })
    // Its own, too, where an earlier write took effect whose answer was lost.
    if (this.#isOwn(written) && written.busyUntil >= needed) return { number, busyUntil: written.busyUntil }
    this.#inUse.delete(number)
    return undefined
  }

  /** Writes a slot's record, and answers what it is now. */
  async #write(number: number, busyUntil: number): Promise<Known | undefined> {
    const { store } = this.#engine
    const version = this.#known.get(number)?.version ?? 0
    const record: SlotRecord = { runId: this.#runId, busyUntil }
    const key = triggerSlotKey(this.#queue, number)
    const value = record as unknown as JsonValue
    const { applied } = await store.transact([{ kind: 'put', key, value, ifVersion: version }])
    if (applied) this.#known.set(number, { ...record, version: version + 1 })
    else {
      const found = await store.getDocument(key, { consistent: true })
      if (found) this.#observe(number, found.value, found.version)
    }
    return this.#known.get(number)
  }
}

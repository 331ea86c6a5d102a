import type { Engine } from '../engine.ts'
import type { JsonValue } from '../model/message.ts'
import { bestEffort } from '../store/best-effort.ts'
import { SLOT_PREFIX, triggerPartition, triggerSlotKey } from '../store/keys.ts'
import type { Document } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'
import { INVOCATION_MARGIN_MS, SLOT_AHEAD_MS } from './times.ts'

/** The stored form of a slot: one of the invocations that may run concurrently. */
export interface SlotRecord {
  readonly runId: string
  /** Until when an invocation of this run may be under way in the slot, epoch ms. */
  readonly busyUntil: number
}

export interface Slot {
  readonly number: number
  /** When an invocation in the slot must have ended, epoch ms. */
  readonly busyUntil: number
}

/**
 * The slots of one trigger, as one run knows them.
 *
 * INVARIANT: an invocation begins only in a slot whose record has this run's id, and ends, by its own timeout at the latest, before
 * the record's `busyUntil`. Another run replaces a record only after its `busyUntil`. So there are never more concurrent
 * invocations than slots, even when processes die or pause, or answers are lost.
 */
export interface Slots {
  /** A free slot whose record reaches far enough for one invocation that begins now; `undefined` when no slot is free. */
  acquire(max: number, invocationMs: number): Promise<Slot | undefined>
  /** Frees a slot whose invocation has ended. */
  free(slot: Slot): void
  /** Frees a slot at an instant, epoch ms, because its invocation may still be under way until then. */
  freeAt(slot: Slot, at: number): void
  /** When the next slot becomes free by time alone, epoch ms. */
  nextFreeAt(max: number): number
  /** Releases the run's free slots for the next run. A slot that was never freed stays taken until its end. */
  release(): Promise<void>
}

interface Known extends SlotRecord {
  readonly version: number
}

const PAGE = 100
/** How often the slots of other runs are read again while none is free. */
const REREAD_MS = 1_000

/** @param runId the run that begins invocations in the slots */
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
  /** Slots with an invocation, and when the invocation must have ended if its answer was lost. */
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
    // Another run may have released slots early.
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
        // The record stays: if a version could occur twice, a paused run might take another run's slot.
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
      for (const document of page) this.#observe(Number(document.sort.slice(SLOT_PREFIX.length)), document)
      after = page.at(-1)?.sort
      if (page.length < PAGE || after === undefined) return
    }
  }

  #observe(number: number, document: Document): void {
    const record = valueIn<SlotRecord>(document, { runId: 'string', busyUntil: 'number' })
    this.#known.set(number, { ...record, version: document.version })
  }

  #isOwn(record: Known | undefined): record is Known {
    return record?.runId === this.#runId
  }

  /** The difference of two clocks is within the margin of `busyUntil` itself. */
  #isOpen(record: Known | undefined): boolean {
    return !record || record.busyUntil <= this.#engine.clock.now()
  }

  /** The slots without an invocation of this run. Those that need no write come first, so that a run uses few slots. */
  #candidates(max: number): number[] {
    for (const [number, until] of this.#inUse) if (until <= this.#engine.clock.now()) this.#inUse.delete(number)
    const all = Array.from({ length: max }, (_, number) => number).filter((number) => !this.#inUse.has(number))
    const rank = (number: number): number => (this.#isOwn(this.#known.get(number)) ? 0 : 1)
    return all.sort((a, b) => rank(a) - rank(b) || a - b)
  }

  /** Takes one slot, with a write if its record does not reach far enough. Returns `undefined` if another run has it. */
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
    // The record may also be this run's own, by an earlier write whose answer was lost.
    if (this.#isOwn(written) && written.busyUntil >= needed) return { number, busyUntil: written.busyUntil }
    this.#inUse.delete(number)
    return undefined
  }

  /** Writes a slot's record. Returns the record as it is then. */
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
      if (found) this.#observe(number, found)
    }
    return this.#known.get(number)
  }
}

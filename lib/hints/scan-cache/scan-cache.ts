import { dueAtOf } from '../../model/segment-key.ts'
import { type CachedRange, CachedRanges } from './cached-ranges.ts'
import { checkAllowance } from './check-allowance.ts'
import { endBehind, type KeyRange } from './key-range.ts'
import { firstUntil, quietPeriod } from './quiet-period.ts'
import { type Range, rangeBehind, rangesBefore, rangesToCheck, tailIndex } from './read-plan.ts'
import { recentReleases } from './recent-releases.ts'

/** Neighbouring headers that a poll has read, none of which has a message to receive. */
export interface ScannedHeaders {
  readonly from: string
  readonly to: string
  /** When the first message becomes visible, epoch ms. */
  readonly until: number
  readonly headers: number
  readonly now: number
  /** `ScanCache.releases` before the headers were read. Messages that were released since then must be read again. */
  readonly releases?: number
}

/** A key range is checked when its age has doubled, within these bounds. */
const MIN_CHECK_EVERY_MS = 50
const MAX_CHECK_EVERY_MS = 3_000

/**
 * The key ranges of a scan target that a process need not read again yet: their messages are leased, backing off, expired or
 * gone. Without the cache a Query pays for each of their headers at every poll.
 *
 * A key range is skipped until the first of its messages becomes visible. Other processes can change that: a consumer nacks a
 * message, or a publisher's message is stored late, between older ones. So a key range is also checked, each time its age has
 * doubled and at least every few seconds: a message that was stored late waits about as long as it was late. The last ranges
 * cost nothing to check, because the Query of the headers behind them reads a few headers more.
 *
 * The cache is a hint. A message that it hides is still stored, and polls find it when the key range ends.
 */
export class ScanCache {
  readonly #ranges = new CachedRanges()
  readonly #allowance = checkAllowance()
  readonly #releases = recentReleases()
  readonly #quiet = quietPeriod()

  /** How often `release` was called. */
  get releases(): number {
    return this.#releases.count
  }

  /** The number of key ranges. */
  get size(): number {
    return this.#ranges.list.length
  }

  /** The key ranges, in order. */
  get keyRanges(): readonly KeyRange[] {
    return this.#ranges.list
  }

  /** Headers in the key ranges, without those that this process knows to be deleted. */
  get headers(): number {
    return this.#ranges.headers
  }

  /** Headers of the key ranges that end behind the last published snapshot. */
  get unpublished(): number {
    return this.#ranges.unpublished
  }

  /** When the first message of the key ranges becomes visible, epoch ms. */
  endsAt(): number {
    return firstUntil(this.#ranges.list)
  }

  /** The ranges that a poll must read, in order. The last one lies behind all key ranges and ends at `last`. */
  ranges(first: string, last: string, now: number): Range[] {
    const { list } = this.#ranges
    const allowance = this.#allowance
    allowance.refill(now)
    this.#releases.observe(now)
    const tail = tailIndex(list, now)
    const end = list.at(-1)?.end ?? first
    if (this.#quiet.includes(now, allowance.isEnough)) {
      return [rangeBehind(list, tail, { from: list[tail]?.from ?? end, last, end })]
    }
    const run = allowance.isEnough ? rangesToCheck(list, now) : { from: 0, to: 0 }
    const { ranges, from } = rangesBefore(list, tail, { first, run, now })
    const hasGap = ranges.some(({ check }) => !check)
    this.#quiet.renew(list, hasGap)
    const paid = ranges.map((range) => (range.check ? { ...range, headers: allowance.pay(range.headers) } : range))
    return [...paid, rangeBehind(list, tail, { from, last, end })]
  }

  /** Removes the key ranges from `from` through `to`, so that polls read there again. */
  forget(from: string, to: string): void {
    // Most calls are for headers behind all key ranges, where there is nothing to remove.
    const end = this.#ranges.list.at(-1)?.end
    if (end === undefined || end <= from) return
    this.#ranges.cut(from, endBehind(to))
    this.#quiet.end()
  }

  /** Adds neighbouring headers that a poll read and that have nothing to receive for a while. */
  record({ from, to, until, headers, now, releases: before = this.releases }: ScannedHeaders): void {
    const end = endBehind(to)
    const inside = this.#releases.inside(from, end)
    // The age of a range counts from the due time of its last key, or from the first poll after a release in it, if that is later.
    const bornAt = inside.reduce((born, { observedAt = now }) => Math.max(born, observedAt), dueAtOf(to))
    const range = checkedAfter(now - bornAt, { from, end, until, headers }, now)
    const at = this.#ranges.put(range)
    this.#quiet.add(range, !touchesNeighbours(this.#ranges.list, at))
    const joined = this.#ranges.joinAt(at - 1, now)
    this.#ranges.joinAt(joined ? at - 1 : at, now)
    for (const { sort, count, visibleAt } of inside) if (count > before) this.#uncover(sort, visibleAt)
  }

  /** Notes that a message becomes visible sooner than its key range ends: at once, or at `visibleAt`, epoch ms. */
  release(sort: string, visibleAt = 0): void {
    this.#releases.add(sort, visibleAt)
    this.#uncover(sort, visibleAt)
  }

  /** Notes that a header was deleted. */
  gone(sort: string): void {
    const at = this.#ranges.indexAt(sort)
    const range = this.#ranges.list[at]
    if (!range || range.from > sort || range.headers === 0) return
    this.#ranges.replaceAt(at, { ...range, headers: range.headers - 1 })
  }

  /** Adds the key ranges of a snapshot that another process published. */
  addSnapshot(keyRanges: readonly KeyRange[], now: number): void {
    for (const range of keyRanges) this.#ranges.put(checkedAfter(now - dueAtOf(range.end), range, now))
    this.#quiet.end()
  }

  /** Notes that a snapshot was published, up to this end. */
  markPublished(end: string): void {
    this.#ranges.markPublished(end)
  }

  /** Cuts a message out of its key range, as a range of its own that ends when the message becomes visible. */
  #uncover(sort: string, visibleAt: number): void {
    const around = this.#ranges.list[this.#ranges.indexAt(sort)]
    if (!around || around.from > sort || around.until <= visibleAt) return
    const [end, checkEveryMs] = [endBehind(sort), MIN_CHECK_EVERY_MS]
    this.#ranges.put({ from: sort, end, until: visibleAt, headers: 1, checkAt: visibleAt, checkEveryMs })
    this.#quiet.end()
  }
}

/** A key range with its first check. The time until the check equals the age of the range, within the bounds. */
const checkedAfter = (ageMs: number, { from, end, until, headers }: KeyRange, now: number): CachedRange => {
  const checkEveryMs = Math.min(MAX_CHECK_EVERY_MS, Math.max(MIN_CHECK_EVERY_MS, ageMs))
  return { from, end, until, headers, checkAt: now + checkEveryMs, checkEveryMs }
}

/** Whether a range leaves no gap on either side. The first range leaves one, because nothing is known of what lies before it. */
const touchesNeighbours = (list: readonly CachedRange[], at: number): boolean => {
  const { from, end } = list[at] as CachedRange
  return list[at - 1]?.end === from && (at === list.length - 1 || list[at + 1]?.from === end)
}

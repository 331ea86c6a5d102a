import { dueAtOf, sortRightBehind } from './segment-key.ts'

/**
 * What a poller remembers of the headers at the front of a partition that it need not read again for now: leased,
 * resting, expired or gone. Without it, a Query pays for each of them at every poll.
 *
 * The memory is a row of stretches, `[from, to]`, ordered and without overlap. A stretch is passed over until the
 * first of its messages becomes visible, or until it is due to be checked, whichever comes first. Checks are needed
 * because others can change what lies there: a nack in another process, or a publisher whose write arrives after
 * younger ones. They stay cheap in two ways:
 *
 * - a young stretch is checked at intervals of half its age, so that a late arrival waits no longer than half as
 *   long again as it was late, and each header is read a few times over its life instead of once a poll;
 * - an old stretch is checked when the stretches before it were, at `CHECKED_PER_MS` headers at most.
 *
 * A hint only: what it hides is still in its place, and is found when the stretch ends.
 */
export interface Skips {
  /** The ranges a poll must read, in order: stretches that have run out, and the rest behind the last one. */
  ranges(first: string, last: string, now: number): Range[]
  /** Remembers that `headers` headers from `from` through `to` have nothing to receive before `until`. */
  learn(stretch: { from: string; to: string; until: number; headers: number; now: number }): void
  /** Something between became visible: read it at the next poll. */
  release(sort: string): void
  /** When the first stretch runs out, epoch ms. */
  endsAt(): number
}

export interface Range {
  readonly from: string
  readonly to: string
  /** Whether it was a stretch before: then it becomes one again, however short. */
  readonly known: boolean
}

interface Stretch {
  from: string
  to: string
  until: number
  checkAt: number
  headers: number
}

/** Fewer headers than this are read along in the same read unit anyway. */
export const WORTH_SKIPPING = 12
/** A stretch is not grown beyond this, so that checking one costs little. */
const STRETCH_HEADERS = 128
const YOUNG_MS = 5_000
const FIRST_CHECK_MS = 25
const CHECK_MS = 2_000
/** An old stretch among `n` headers is checked every `n / CHECKED_PER_MS` ms: 500 headers a second in all. */
const CHECKED_PER_MS = 0.5
/** Headers checked by one poll, about; the rest is left to the next. */
const CHECKED_AT_ONCE = 256

export const skips = (): Skips => {
  let stretches: Stretch[] = []
  let headersKept = 0

  const checkAt = (to: string, now: number): number => {
    const age = now - dueAtOf(to)
    if (age < YOUNG_MS) return now + Math.max(FIRST_CHECK_MS, age / 2)
    return now + Math.max(CHECK_MS, headersKept / CHECKED_PER_MS)
  }

  /** Cuts `[from, to]` out of what is remembered; what sticks out on its right has to be read again. */
  const cut = (from: string, to: string) => {
    const kept: Stretch[] = []
    for (const stretch of stretches) {
      if (stretch.to < from || stretch.from > to) kept.push(stretch)
      else {
        if (stretch.from < from) kept.push({ ...stretch, to: from, headers: stretch.headers >> 1 })
        if (stretch.to > to)
          kept.push({ ...stretch, from: sortRightBehind(to), until: 0, headers: stretch.headers >> 1 })
      }
    }
    stretches = kept
  }

  return {
    ranges: (first, last, now) => {
      const ranges: Range[] = []
      const add = (range: Range) => {
        const before = ranges.at(-1)
        // Neighbours that are due together are read together.
        if (before?.known && range.known && sortRightBehind(before.to) >= range.from) {
          ranges[ranges.length - 1] = { ...before, to: range.to }
        } else ranges.push(range)
      }
      let from = first
      let checked = 0
      for (const stretch of stretches) {
        if (stretch.to < from) continue
        // A hole between stretches is read as well; there is none unless the front moved.
        if (stretch.from > from) add({ from, to: stretch.from, known: false })
        const due = stretch.checkAt <= now && checked < CHECKED_AT_ONCE
        if (due) checked += stretch.headers
        if (due || stretch.until <= now) add({ from: stretch.from, to: stretch.to, known: true })
        from = sortRightBehind(stretch.to)
      }
      if (from <= last) add({ from, to: last, known: false })
      return ranges
    },

    learn: ({ from, to, until, headers, now }) => {
      cut(from, to)
      headersKept = stretches.reduce((sum, stretch) => sum + stretch.headers, headers)
      const at = stretches.findIndex((stretch) => stretch.from > to)
      const position = at < 0 ? stretches.length : at
      const before = stretches[position - 1]
      const learned: Stretch = { from, to, until, checkAt: checkAt(to, now), headers }
      const joins = before && before.until > now && before.headers + headers <= STRETCH_HEADERS
      if (joins && sortRightBehind(before.to) >= from) {
        stretches[position - 1] = {
          from: before.from,
          to,
          until: Math.min(before.until, until),
          checkAt: Math.min(before.checkAt, learned.checkAt),
          headers: before.headers + headers,
        }
      } else stretches.splice(position, 0, learned)
    },

    release: (sort) => {
      for (const stretch of stretches) {
        if (stretch.from <= sort && sort <= stretch.to) stretch.until = 0
      }
    },

    endsAt: () => stretches.reduce((first, { until }) => Math.min(first, until), Number.POSITIVE_INFINITY),
  }
}

import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { decodeHint, encodeHint, type FrontHint, hides, tellable } from '../hints/in-flight-snapshot.ts'
import type { Skipped } from '../hints/key-ranges.ts'
import type { Lane } from '../hints/scan-target.ts'
import { isOrdered } from '../model/group.ts'
import { priorityOf, type SegmentKey, sortFrom } from '../model/segment-key.ts'
import { inPassing } from '../store/best-effort.ts'
import { earlyReleasePartition, snapshotKey } from '../store/keys.ts'
import type { Document } from '../store/port.ts'

/**
 * How the processes of a queue share what they know of its front. Whoever polls with many headers in flight before
 * them writes a hint now and then; a process that polls for the first time reads it beside its first Query. Whoever
 * makes a message visible sooner than the hint says leaves a notice, which pollers read every two seconds. So a new
 * process skips what is in flight, and finds what another gave back, without reading through all of it.
 *
 * Nothing here is needed for correctness, so nothing here may fail what it goes along with.
 */

/** With fewer headers in flight, reading them costs a few units and checks find everything within seconds. */
const WORTH_TELLING = 64
/** So much more in flight is news: a hint costs one write unit, about what it costs twice to read as many headers. */
const NEWS = 32
const TELL_PAUSE_MS = 200
/** How long a nack goes by what it knows of the hint. */
const HINT_KNOWN_MS = 5_000
const NOTICES_EVERY_MS = 2_000
/** A notice may have been on its way when the hint was written, or when notices were last read. */
const NOTICES_LATE_MS = 5_000
const NOTICES_PAGE = 200
/** Unread for so long, a hint or a notice has nothing to say any more. */
const KEPT_MS = 7 * 86_400_000
/** A role that may not share hints can do all the rest without them. */
const ALSO_UNPERMITTED = { except: ['AccessDenied'] } as const

/**
 * Tells others what this process passes over, when that is news to them.
 *
 * reads: the hint that is there, 0.5 RRU · writes: the hint, 1 WRU for about every 40 headers that came to be in flight
 */
export const tellFront = (engine: Engine, lane: Lane): Promise<void> | undefined => {
  const { skips, front } = lane.memory
  if (skips.headers < WORTH_TELLING || skips.untold < NEWS) return undefined
  const now = engine.clock.now()
  if (now - (front.toldAt ?? 0) < TELL_PAUSE_MS) return undefined
  front.toldAt = now
  // Waited for when the messages that were found are leased already.
  return followUp(engine, lane.queue.name, () => inPassing(tell(engine, lane, now), undefined, ALSO_UNPERMITTED))
}

const tell = async (engine: Engine, lane: Lane, now: number): Promise<void> => {
  const { partition, priority, memory } = lane
  const { skips, front } = memory
  const told = tellable(skips.stretches, priority, now)
  const end = told.at(-1)?.end
  // Pollers that start together do not all come to the same conclusion at once.
  const news = NEWS * (1 + engine.random.fraction())
  if (end === undefined || newsIn(skips.stretches, front.hint, end) < news) return
  await loadHint(engine, lane)
  if (newsIn(skips.stretches, front.hint, end) < news) return
  const hint: FrontHint = { writtenAt: now, stretches: told }
  await engine.store.transact([
    { kind: 'put', key: snapshotKey(partition, priority), value: encodeHint(hint), expiresAt: now + KEPT_MS },
  ])
  front.hint = hint
  front.hintAt = now
  skips.told(end)
}

/** Headers that lie behind a hint, up to where the next one would end; about half of a stretch that it ends in. */
const newsIn = (row: readonly Skipped[], hint: FrontHint | undefined, end: string): number => {
  const known = hint?.stretches.at(-1)?.end ?? ''
  return row.reduce((sum, stretch) => {
    if (stretch.end <= known || stretch.end > end) return sum
    return sum + (stretch.from < known ? stretch.headers / 2 : stretch.headers)
  }, 0)
}

/**
 * Learns what other processes know, when that is due: the hint at the first poll, notices now and then.
 *
 * reads: 0.5 RRU each · @returns whether there is something else to read now than there was
 */
export const hearNews = (engine: Engine, lane: Lane): Promise<boolean> | undefined => {
  const { front, skips } = lane.memory
  const now = engine.clock.now()
  const { heardAt } = front
  if (heardAt !== undefined && (skips.headers < WORTH_TELLING || now - heardAt < NOTICES_EVERY_MS)) return undefined
  front.heardAt = now
  const hearing = heardAt === undefined ? hearAll(engine, lane) : hearNotices(engine, lane, heardAt - NOTICES_LATE_MS)
  return inPassing(hearing, false, ALSO_UNPERMITTED)
}

const hearAll = async (engine: Engine, lane: Lane): Promise<boolean> => {
  const hint = await loadHint(engine, lane)
  const now = engine.clock.now()
  const live = hint?.stretches.filter(({ until }) => until > now) ?? []
  if (!hint || live.length === 0) return false
  lane.memory.skips.recall(live, now)
  await hearNotices(engine, lane, hint.writtenAt - NOTICES_LATE_MS)
  return true
}

const hearNotices = async (engine: Engine, lane: Lane, since: number): Promise<boolean> => {
  const { partition, priority, memory } = lane
  const { skips } = memory
  const before = skips.releases
  for (let after = sortFrom(priority, since); ; ) {
    const documents = await engine.store.listDocuments({
      partition: earlyReleasePartition(partition),
      prefix: String(9 - priority),
      after,
      limit: NOTICES_PAGE,
    })
    for (const document of documents) release(skips, document)
    const last = documents.at(-1)
    if (!last || documents.length < NOTICES_PAGE) return skips.releases > before
    after = last.sort
  }
}

const release = (skips: Lane['memory']['skips'], { value }: Document): void => {
  const { s: sort, v: visibleAt } = value as { s: string; v: number }
  skips.release(sort, visibleAt)
}

/**
 * Tells pollers that a message becomes visible sooner than they may know, here and in other processes.
 *
 * reads: the hint, 0.5 RRU every five seconds · writes: a notice, 1 WRU, only where the hint hides the message
 */
export const releaseEarly = async (engine: Engine, key: SegmentKey, visibleAt: number): Promise<void> => {
  engine.polls.release(key)
  // In the groups of FIFO queues nothing is passed over.
  if (isOrdered(key.partition.group)) return
  await followUp(engine, key.partition.queue, () =>
    inPassing(leaveNotice(engine, key, visibleAt), undefined, ALSO_UNPERMITTED),
  )
}

const leaveNotice = async (engine: Engine, { partition, sort }: SegmentKey, visibleAt: number): Promise<void> => {
  const priority = priorityOf(sort)
  const lane = { partition, priority, memory: engine.polls.lane(partition, priority) }
  const now = engine.clock.now()
  const { hint, hintAt = 0 } = lane.memory.front
  const known = now - hintAt < HINT_KNOWN_MS ? hint : await loadHint(engine, lane)
  if (!known || !hides(known, sort, visibleAt)) return
  const unique = Buffer.from(engine.random.bytes(4)).toString('hex')
  const notice = { partition: earlyReleasePartition(partition), sort: sortFrom(priority, now) + unique }
  const value = { s: sort, v: visibleAt }
  await engine.store.transact([{ kind: 'put', key: notice, value, expiresAt: now + KEPT_MS }])
}

const loadHint = async (
  engine: Engine,
  { partition, priority, memory }: Omit<Lane, 'queue'>,
): Promise<FrontHint | undefined> => {
  const { front, skips } = memory
  front.hintAt = engine.clock.now()
  const document = await engine.store.getDocument(snapshotKey(partition, priority))
  const hint = document && decodeHint(document.value, priority)
  if ((hint?.writtenAt ?? 0) > (front.hint?.writtenAt ?? 0)) {
    front.hint = hint
    skips.told(hint?.stretches.at(-1)?.end ?? '')
  }
  return front.hint
}

import { isOrdered } from '../model/group.ts'
import { bestEffort } from '../store/best-effort.ts'
import { followUp } from '../store/follow-up.ts'
import { publishEarlyRelease } from './early-release.ts'
import type { ExchangeParts } from './exchange-parts.ts'
import { loadPublished } from './load-published.ts'
import { isWorthPublishing, publishSnapshot } from './publish-snapshot.ts'
import type { Visibility } from './visibility.ts'

/** A role may lack the rights on snapshots and early releases, and a stored one may be damaged. Everything else works without them. */
const ALSO_UNPERMITTED = { except: ['AccessDenied', 'Internal'] } as const

/**
 * Shares through the store what is in flight at the front of a queue.
 *
 * A poller with many headers in flight before it publishes an in-flight snapshot from time to time, and the first poll of a process
 * loads it beside its first Query. A process that makes a message visible sooner than the snapshot says publishes an early release,
 * which pollers load every two seconds. So a new process skips what is in flight, and a poller finds what another process gave
 * back, without reading all headers.
 */
export const snapshotExchange = (parts: ExchangeParts): Visibility => ({
  publish: (target) => {
    if (!isWorthPublishing(parts, target)) return undefined
    // The scan waits for this write at its end, when its messages are leased.
    return followUp(parts, target.queue.name, () =>
      bestEffort(publishSnapshot(parts, target), undefined, ALSO_UNPERMITTED),
    )
  },

  load: (target) => {
    const loading = loadPublished(parts, target)
    return loading && bestEffort(loading, false, ALSO_UNPERMITTED)
  },

  release: async (key, visibleAt) => {
    parts.polls.release(key)
    // Polls of ordered groups do not use the scan cache.
    if (isOrdered(key.partition.group)) return
    await followUp(parts, key.partition.queue, () =>
      bestEffort(publishEarlyRelease(parts, key, visibleAt), undefined, ALSO_UNPERMITTED),
    )
  },
})

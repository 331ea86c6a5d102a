/** A key at which a message became visible, or becomes visible sooner than its key range says. */
interface Release {
  readonly sort: string
  /** Epoch ms. */
  readonly visibleAt: number
  /** The number of releases, this one included. */
  readonly count: number
  /** When the first poll after the release began, epoch ms. */
  observedAt?: number
}

/** The latest releases. */
export interface RecentReleases {
  /** The number of releases so far. */
  readonly count: number
  add(sort: string, visibleAt: number): void
  /** Records that a poll begins, which may receive what was released before. */
  observe(now: number): void
  /** The latest releases in `[from, end)`. */
  inside(from: string, end: string): readonly Release[]
}

const MAX_KEPT = 64

export const recentReleases = (): RecentReleases => {
  const kept: Release[] = []
  let count = 0
  return {
    get count() {
      return count
    },
    add: (sort, visibleAt) => {
      count++
      kept.push({ sort, visibleAt, count })
      if (kept.length > MAX_KEPT) kept.shift()
    },
    observe: (now) => {
      // Only releases added since the last poll have no `observedAt`.
      for (let index = kept.length - 1; index >= 0; index--) {
        const release = kept[index] as Release
        if (release.observedAt !== undefined) break
        release.observedAt = now
      }
    },
    inside: (from, end) => kept.filter(({ sort }) => sort >= from && sort < end),
  }
}

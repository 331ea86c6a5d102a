/** A map that holds at least the latest `most` entries, and at most twice as many. */
export interface Recent<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
}

/**
 * Two maps: when the newer one is full, the older one is dropped as a whole. To delete the oldest entry for each new one costs
 * many times more, because V8 keeps the places of deleted entries and goes through them on the way to the oldest.
 */
export const recent = <V>(most: number): Recent<V> => {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  return {
    get: (key) => young.get(key) ?? old.get(key),
    set: (key, value) => {
      if (young.size >= most) {
        old = young
        young = new Map()
      }
      young.set(key, value)
    },
  }
}

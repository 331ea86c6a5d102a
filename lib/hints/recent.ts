/** A map that holds at least the latest `capacity` entries, and at most twice as many. */
export interface Recent<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
}

/**
 * Two maps: when the newer one is full, the older one is dropped as a whole. Deleting the oldest
 * entry for each new one costs many times more, because V8 steps over the deleted entries each time it looks for the oldest one.
 */
export const recent = <V>(capacity: number): Recent<V> => {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  return {
    get: (key) => young.get(key) ?? old.get(key),
    set: (key, value) => {
      if (young.size >= capacity) {
        old = young
        young = new Map()
      }
      young.set(key, value)
    },
    delete: (key) => {
      young.delete(key)
      old.delete(key)
    },
  }
}

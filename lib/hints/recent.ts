/** A map that holds at least the latest entries that weigh `capacity` together, and at most twice as many. */
export interface Recent<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
}

/**
 * Two maps: when the newer one is full, the older one is dropped as a whole. Deleting the oldest
 * entry for each new one costs many times more, because V8 steps over the deleted entries each time it looks for the oldest one.
 *
 * @param weightOf what an entry weighs; it may not change while the entry is in the map. @default one each
 */
export const recent = <V>(capacity: number, weightOf: (value: V) => number = () => 1): Recent<V> => {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  /** Of the newer map. */
  let weight = 0
  const weightIn = (key: string): number => {
    const value = young.get(key)
    return value === undefined ? 0 : weightOf(value)
  }
  return {
    get: (key) => young.get(key) ?? old.get(key),
    set: (key, value) => {
      if (weight >= capacity) {
        old = young
        young = new Map()
        weight = 0
      }
      weight += weightOf(value) - weightIn(key)
      young.set(key, value)
    },
    delete: (key) => {
      weight -= weightIn(key)
      young.delete(key)
      old.delete(key)
    },
  }
}

/** A map that forgets: it holds the latest `most` entries at least, and twice as many at most. */
export interface Recent<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
}

/**
 * Two generations, the older one dropped as a whole. One map whose oldest entry is deleted for each new one costs many
 * times that: V8 keeps the places of deleted entries, and goes through them on the way to the oldest.
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

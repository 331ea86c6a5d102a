/** A map ordered by string keys, made for queues: most insertions at the end, most deletions at the front. */
export interface SortedMap<V> {
  get(key: string): V | undefined
  /** Whether a key is known to lie behind all others, without a lookup: in a large map a lookup misses every cache. */
  isBehind(key: string): boolean
  set(key: string, value: V): void
  delete(key: string): void
  /** Calls `visit` with the values of `from <= key <= to`, in order, until it returns false. It may delete the value of its call. */
  visit(from: string, to: string, visit: (key: string, value: V) => boolean): void
  /** The first key from this one on. */
  firstFrom(key: string): string | undefined
  /** No key lies behind this one, which may be gone. */
  bound(): string | undefined
  readonly size: number
}

const COMPACT_AT = 1_024

export const sortedMap = <V>(): SortedMap<V> => {
  const values = new Map<string, V>()
  // Keys in order; deleted ones stay until they outnumber the living, and `head` passes those at the front.
  let keys: string[] = []
  let head = 0

  const lowerBound = (key: string): number => {
    let low = head
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((keys[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }

  const isBehind = (key: string): boolean => {
    const last = keys.at(-1)
    return last === undefined || last < key
  }

  const compact = () => {
    keys = keys.filter((key, position) => position >= head && values.has(key))
    head = 0
  }

  return {
    get: (key) => values.get(key),
    isBehind,
    set: (key, value) => {
      if (isBehind(key)) keys.push(key)
      else if (!values.has(key)) {
        const position = lowerBound(key)
        // A deleted key may still be there.
        if (keys[position] !== key) keys.splice(position, 0, key)
      }
      values.set(key, value)
    },
    delete: (key) => {
      if (!values.delete(key)) return
      while (head < keys.length && !values.has(keys[head] as string)) head++
      if (keys.length > 2 * values.size + COMPACT_AT) compact()
    },
    visit: (from, to, visit) => {
      // Compaction between steps would move positions, so each step starts from the last key.
      let snapshot = keys
      let position = lowerBound(from)
      let last = ''
      for (;;) {
        if (snapshot !== keys) {
          snapshot = keys
          position = last === '' ? lowerBound(from) : lowerBound(`${last}\0`)
        }
        const key = keys[position++]
        if (key === undefined || key > to) return
        const value = values.get(key)
        if (value === undefined) continue
        last = key
        if (!visit(key, value)) return
      }
    },
    firstFrom: (from) => {
      for (let position = lowerBound(from); position < keys.length; position++) {
        const key = keys[position] as string
        if (values.has(key)) return key
      }
      return undefined
    },
    bound: () => keys.at(-1),
    get size() {
      return values.size
    },
  }
}

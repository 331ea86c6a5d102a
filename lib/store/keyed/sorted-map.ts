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

/** There is one for each group and more, most of them tiny: methods that all share, since closures would take a kilobyte each. */
class KeysInOrder<V> implements SortedMap<V> {
  readonly #values = new Map<string, V>()
  // Keys in order; deleted ones stay until they outnumber the living, and `#head` passes those at the front.
  #keys: string[] = []
  #head = 0

  #lowerBound(key: string): number {
    let low = this.#head
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }

  #compact(): void {
    this.#keys = this.#keys.filter((key, position) => position >= this.#head && this.#values.has(key))
    this.#head = 0
  }

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  isBehind(key: string): boolean {
    const last = this.#keys.at(-1)
    return last === undefined || last < key
  }

  set(key: string, value: V): void {
    if (this.isBehind(key)) this.#keys.push(key)
    else if (!this.#values.has(key)) {
      const position = this.#lowerBound(key)
      // A deleted key may still be there.
      if (this.#keys[position] !== key) this.#keys.splice(position, 0, key)
    }
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return
    while (this.#head < this.#keys.length && !this.#values.has(this.#keys[this.#head] as string)) this.#head++
    if (this.#keys.length > 2 * this.#values.size + COMPACT_AT) this.#compact()
  }

  visit(from: string, to: string, visit: (key: string, value: V) => boolean): void {
    // Compaction between steps would move positions, so each step starts from the last key.
    let snapshot = this.#keys
    let position = this.#lowerBound(from)
    let last = ''
    for (;;) {
      if (snapshot !== this.#keys) {
        snapshot = this.#keys
        position = this.#lowerBound(last === '' ? from : `${last}\0`)
      }
      const key = this.#keys[position++]
      if (key === undefined || key > to) return
      const value = this.#values.get(key)
      if (value === undefined) continue
      last = key
      if (!visit(key, value)) return
    }
  }

  firstFrom(from: string): string | undefined {
    for (let position = this.#lowerBound(from); position < this.#keys.length; position++) {
      const key = this.#keys[position] as string
      if (this.#values.has(key)) return key
    }
    return undefined
  }

  bound(): string | undefined {
    return this.#keys.at(-1)
  }

  get size(): number {
    return this.#values.size
  }
}

export const sortedMap = <V>(): SortedMap<V> => new KeysInOrder()

const COMPACT_AT = 1_024

/** A map ordered by string keys, made for queues: most insertions at the end, most deletions at the front. */
export class SortedMap<V> {
  readonly #values = new Map<string, V>()
  /** Keys in order; deleted ones stay until they outnumber the living. */
  #keys: string[] = []
  /** Position of the first key that may not be deleted. */
  #head = 0

  get size(): number {
    return this.#values.size
  }

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  /** Whether a key is known to lie behind all others, without a lookup: in a large map a lookup misses every cache. */
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

  /** Calls `visit` with the values of `from <= key <= to`, in order, until it returns false. It may delete the value of its call. */
  visit(from: string, to: string, visit: (key: string, value: V) => boolean): void {
    // Compaction between steps would move positions, so each step starts from the last key.
    let snapshot = this.#keys
    let position = this.#lowerBound(from)
    let last = ''
    for (;;) {
      if (snapshot !== this.#keys) {
        snapshot = this.#keys
        position = last === '' ? this.#lowerBound(from) : this.#lowerBound(`${last}\0`)
      }
      const key = snapshot[position++]
      if (key === undefined || key > to) return
      const value = this.#values.get(key)
      if (value === undefined) continue
      last = key
      if (!visit(key, value)) return
    }
  }

  /** The first key from this one on. */
  firstFrom(from: string): string | undefined {
    for (let position = this.#lowerBound(from); position < this.#keys.length; position++) {
      const key = this.#keys[position] as string
      if (this.#values.has(key)) return key
    }
    return undefined
  }

  /** No key lies behind this one, which may be gone. */
  bound(): string | undefined {
    return this.#keys.at(-1)
  }

  /** Position of the first key from this one on, by halving. */
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
}

/** How many deleted keys may stay in the list of keys, beyond one for each stored key. */
const COMPACT_AT = 1_024

/** A map ordered by string keys, made for queues: most insertions are at the end, most deletions at the front. */
export class SortedMap<V> {
  readonly #values = new Map<string, V>()
  /** Keys in order. Deleted keys stay until they outnumber the stored ones. */
  #keys: string[] = []
  /** All keys before this position are deleted. */
  #head = 0

  get size(): number {
    return this.#values.size
  }

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  /** Whether a key lies behind all others. Needs no lookup, which in a large map misses the processor's caches. */
  isBehind(key: string): boolean {
    const last = this.#keys.at(-1)
    return last === undefined || last < key
  }

  set(key: string, value: V): void {
    if (this.isBehind(key)) this.#keys.push(key)
    else if (!this.#values.has(key)) {
      const position = this.#lowerBound(key)
      // A deleted key may still be in the list.
      if (this.#keys[position] !== key) this.#keys.splice(position, 0, key)
    }
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return
    while (this.#head < this.#keys.length && !this.#values.has(this.#keys[this.#head] as string)) this.#head++
    if (this.#keys.length > 2 * this.#values.size + COMPACT_AT) this.#compact()
  }

  /** Calls `visit` with the values of `from <= key <= to`, in order, until it returns false. `visit` may delete the value that it gets. */
  visit(from: string, to: string, visit: (key: string, value: V) => boolean): void {
    // A deletion may compact the keys, which moves positions: then the position is found again behind the last key.
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

  /** The first stored key that is not before `from`. */
  firstFrom(from: string): string | undefined {
    for (let position = this.#lowerBound(from); position < this.#keys.length; position++) {
      const key = this.#keys[position] as string
      if (this.#values.has(key)) return key
    }
    return undefined
  }

  /** The last key, which may be deleted: no stored key lies behind it. */
  bound(): string | undefined {
    return this.#keys.at(-1)
  }

  /** Position of the first key that is not before `key`, found by binary search. */
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

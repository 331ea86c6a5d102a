/** Messages that polls of this process are about to claim: one bit for each message of a segment, which has at most 25. */
export interface Reservations {
  add(sort: string, indexes: readonly number[]): void
  remove(sort: string, indexes: readonly number[]): void
  /** The messages that no poll has reserved. */
  free(sort: string, indexes: number[]): number[]
}

export const reservations = (): Reservations => {
  const taken = new Map<string, number>()
  return {
    add: (sort, indexes) => void taken.set(sort, (taken.get(sort) ?? 0) | bitsOf(indexes)),
    remove: (sort, indexes) => {
      const left = (taken.get(sort) ?? 0) & ~bitsOf(indexes)
      if (left === 0) taken.delete(sort)
      else taken.set(sort, left)
    },
    free: (sort, indexes) => {
      const bits = taken.size === 0 ? undefined : taken.get(sort)
      return bits === undefined ? indexes : indexes.filter((index) => (bits & (1 << index)) === 0)
    },
  }
}

const bitsOf = (indexes: readonly number[]): number => {
  let bits = 0
  for (const index of indexes) bits |= 1 << index
  return bits
}

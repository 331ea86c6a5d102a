import type { HeldLease } from './lease.ts'

/** Batches for successive runs of the handler. */
export type Task = readonly (readonly HeldLease[])[]

/** Messages of one group of a FIFO queue are one task. All others are independent. */
export const tasksOf = (leases: readonly HeldLease[], ordered: boolean, batchSize = 1): Task[] => {
  if (ordered) return [...byGroup(leases).values()].map((group) => inBatches(group, batchSize))
  return inBatches(leases, batchSize).map((batch) => [batch])
}

const inBatches = (leases: readonly HeldLease[], batchSize: number): HeldLease[][] =>
  Array.from({ length: Math.ceil(leases.length / batchSize) }, (_, part) =>
    leases.slice(part * batchSize, (part + 1) * batchSize),
  )

const byGroup = (leases: readonly HeldLease[]): Map<string | undefined, HeldLease[]> => {
  const groups = new Map<string | undefined, HeldLease[]>()
  for (const lease of leases) {
    const { groupId } = lease.message
    groups.set(groupId, [...(groups.get(groupId) ?? []), lease])
  }
  return groups
}

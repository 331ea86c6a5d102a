import type { History } from '../history.ts'
import type { WorldSettings } from '../world-settings.ts'

/** Something that users may rely on, whatever fails. */
export interface Promised {
  readonly name: string
  /** The queues that it is for. @default all */
  readonly madeFor?: (settings: WorldSettings) => boolean
  /** The violations in a history, a sentence each. */
  readonly violations: (history: History, settings: WorldSettings) => string[]
}

/** Groups elements by their names, in the order in which each name first came. */
export const groupedBy = <T>(list: Iterable<T>, nameOf: (one: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const one of list) {
    const name = nameOf(one)
    const group = groups.get(name)
    if (group) group.push(one)
    else groups.set(name, [one])
  }
  return groups
}

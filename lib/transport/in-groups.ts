import { isHoldfastError } from '../model/errors.ts'
import type { HandleResult } from '../model/message.ts'

/** One request for all entries with the same options; results in the order of the entries. */
export const inGroups = async <E extends { readonly receiptHandle: string }, Asked extends object>(
  entries: readonly E[],
  asked: (entry: E) => Asked,
  send: (receiptHandles: string[], asked: Asked, some: readonly E[]) => Promise<HandleResult[]>,
): Promise<HandleResult[]> => {
  const groups = new Map<string, { asked: Asked; positions: number[] }>()
  for (const [position, entry] of entries.entries()) {
    const key = JSON.stringify(asked(entry))
    const group = groups.get(key) ?? { asked: asked(entry), positions: [] }
    group.positions.push(position)
    groups.set(key, group)
  }
  const results = new Array<HandleResult>(entries.length)
  await Promise.all(
    [...groups.values()].map(async ({ asked: same, positions }) => {
      const some = positions.map((position) => entries[position] as E)
      const handles = some.map(({ receiptHandle }) => receiptHandle)
      const answers = await send(handles, same, some).catch((error: unknown) => {
        // Other requests may have succeeded, so a failed one fails only its own messages.
        if (groups.size === 1 || !isHoldfastError(error)) throw error
        return positions.map((): HandleResult => ({ ok: false, error }))
      })
      for (const [index, position] of positions.entries()) results[position] = answers[index] as HandleResult
    }),
  )
  return results
}

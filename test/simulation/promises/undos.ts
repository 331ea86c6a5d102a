import type { History, Place } from '../history.ts'
import type { SlotRemoval } from '../ledger.ts'
import type { WorldSettings } from '../world-settings.ts'
import type { Promised } from './promise.ts'

const hasUndos = ({ cast }: WorldSettings): boolean => (cast.undoers ?? 0) > 0

/** A message that an undo removed from the queue to which a redrive had moved it. */
interface Undone {
  readonly messageId: string
  readonly removal: SlotRemoval
  /** Where it was, unless nothing had moved it there, and before that. */
  readonly from: Place | undefined
  readonly before: Place | undefined
  /** Where it is now. */
  readonly to: Place | undefined
}

const undone = ({ ledger, moved, repeated }: History): Undone[] =>
  [...ledger.entries].flatMap(([messageId, { removals }]) =>
    removals.flatMap((removal) => {
      if (!removal.by.startsWith('undoer') || repeated.has(messageId)) return []
      const places = moved.get(messageId) ?? []
      const past = places.filter(({ at }) => at < removal.at)
      const to = places.find(({ at }) => at === removal.at)
      return [{ messageId, removal, from: past.at(-1), before: past.at(-2), to }]
    }),
  )

/** An undoer undoes one redrive at a time, but a request of its process before may be late. */
export const undoneUnreceived: Promised = {
  name: 'an undo takes back what its redrive moved and nobody has received since, and nothing else',
  madeFor: hasUndos,
  violations: (history) =>
    undone(history).flatMap(({ messageId, removal: { at, by, token }, from }) => {
      const redrive = from?.content.redriven?.taskId
      const isOwn = history.undos.some((undo) => undo.by === by && undo.redrive === redrive && undo.startedAt <= at)
      return [
        ...(token === undefined ? [] : [`${messageId} was received, and taken back at ${at}`]),
        ...(isOwn ? [] : [`${messageId} was taken back at ${at} by ${by}, who did not undo the redrive ${redrive}`]),
      ]
    }),
}

export const undoneAsBefore: Promised = {
  name: 'a message that an undo takes back is in the dead-letter queue as it was there before the redrive',
  madeFor: hasUndos,
  violations: (history) =>
    undone(history).flatMap(({ messageId, removal: { at }, before, to }) => {
      if (!to) return [`${messageId} was removed by an undo at ${at}, and is in no other queue`]
      if (!before) return []
      const { body, deadLetter, publishedAt, redriven } = to.content
      const same =
        to.queue === before.queue &&
        body === before.content.body &&
        publishedAt === before.content.publishedAt &&
        redriven === undefined &&
        JSON.stringify(deadLetter) === JSON.stringify(before.content.deadLetter)
      return same ? [] : [`${messageId} was taken back at ${at} with another past than before its redrive`]
    }),
}

import type { DeliveryRoom } from '../../lib/engine.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { MAX_ANSWER_BYTES } from '../runtime/answer-size.ts'
import { noRoomError } from './no-room.ts'
import type { Guest, Room } from './room.ts'

/**
 * Room for the messages of one answer. Their size is not known before they are read, so the answer has room for the largest ones until
 * it is written: for a small answer that is a moment.
 *
 * `leave` must be called when the answer was written. The end of the connection, by which the signal aborts, gives the room back too.
 */
export const roomForAnswer = (room: Room, signal: AbortSignal): DeliveryRoom => {
  let guest: Guest | undefined
  let entering: Promise<void> | undefined
  const leave = (): void => {
    if (guest) room.leave(guest)
    guest = undefined
    entering = undefined
    signal.removeEventListener('abort', leave)
  }
  const enter = async (messages: number, ending: AbortSignal): Promise<void> => {
    const bytes = Math.min(messages * LIMITS.messageBytes, MAX_ANSWER_BYTES)
    const one = { bytes, isUnderWay: () => false, cut: () => {} }
    guest = one
    signal.addEventListener('abort', leave, { once: true })
    const entered = await room.enter(one, ending)
    // The poll ends by the signal, and leases nothing. Or the answer was written meanwhile.
    if (ending.aborted || guest !== one) return room.leave(one)
    if (!entered) throw noRoomError()
  }
  return {
    enter: (messages, ending = signal) => {
      entering ??= enter(messages, ending)
      return entering
    },
    leave,
  }
}

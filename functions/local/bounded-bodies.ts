import type { Clock } from '../../lib/clock.ts'
import { byteBudget, type Share } from './byte-budget.ts'
import type { FrontDoor } from './front-door.ts'
import { refuseOverBudget } from './over-budget.ts'

/** Bytes of large bodies that are held at one time. Each is held several times over while it is decoded and stored. */
const BUDGET_BYTES = 33_554_432
/** Smaller bodies have no need to wait: as much of each has been read from its connection anyway. */
const SMALL_BYTES = 65_536
/** What a body of unknown length counts as until it has been read: the most that either protocol takes. */
const MAX_BODY_BYTES = 8 * 1_048_576

/**
 * A front door that holds a bounded number of bytes of large requests, however many arrive at once. The bodies of the others stay
 * with their clients until the budget has their bytes, and are refused as throttled when they wait too long: then nothing was done.
 */
export const boundedBodies = (answer: FrontDoor, clock: Clock): FrontDoor => {
  const budget = byteBudget(BUDGET_BYTES, clock)
  return async (request, arrival) => {
    const bytes = bytesOf(request)
    if (bytes <= SMALL_BYTES) return answer(request, arrival)
    const { isUnderWay = () => false, cut = () => {}, whenRead } = arrival.sender ?? {}
    const share: Share = { bytes, isUnderWay, cut }
    // A long poll whose body has no announced length is small, and would hold the bytes of the largest body while it waits.
    if (!request.headers.has('content-length')) {
      whenRead?.((read) => budget.shrink(share, read <= SMALL_BYTES ? 0 : read))
    }
    if (!(await budget.acquire(share, arrival.signal))) return refuseOverBudget(request, arrival.target)
    try {
      return await answer(request, arrival)
    } finally {
      budget.release(share)
    }
  }
}

const bytesOf = ({ headers }: Request): number => {
  const length = headers.get('content-length')
  if (length !== null) return Math.min(Number(length), MAX_BODY_BYTES)
  return headers.has('transfer-encoding') ? MAX_BODY_BYTES : 0
}

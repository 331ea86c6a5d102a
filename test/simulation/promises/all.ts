import { abandonedPolls } from './abandoned.ts'
import { droppedForGood } from './drops.ts'
import { notPastItsTime } from './expiry.ts'
import { keyedOnce } from './keyed.ts'
import { exclusiveLeases, leasesLast, receiveCounts, underLeases } from './leases.ts'
import { oneMessage } from './one-message.ts'
import { inOrderOfNumbers, inOrderOfPublishes, nothingBehindInFlight, nothingPassedOver } from './order.ts'
import { nothingFromPaused } from './pauses.ts'
import type { Promised } from './promise.ts'
import { outdatedHandles, removedForGood } from './removals.ts'
import { leasedStatuses, resultsOfHolders, statusesForgotten, trueEndings, waitsEnd } from './results.ts'
import { allOrNothing, commitsAnswered, effectsOnce } from './transactions.ts'
import { doneIsRemoved, failedStays, invocationsApart } from './triggers.ts'
import { undoneAsBefore, undoneUnreceived } from './undos.ts'

/** The promises that every history is checked against. */
export const PROMISES: readonly Promised[] = [
  oneMessage,
  keyedOnce,
  exclusiveLeases,
  leasesLast,
  receiveCounts,
  removedForGood,
  outdatedHandles,
  inOrderOfNumbers,
  inOrderOfPublishes,
  nothingBehindInFlight,
  nothingPassedOver,
  notPastItsTime,
  droppedForGood,
  abandonedPolls,
  nothingFromPaused,
  underLeases,
  resultsOfHolders,
  trueEndings,
  statusesForgotten,
  leasedStatuses,
  waitsEnd,
  allOrNothing,
  commitsAnswered,
  effectsOnce,
  invocationsApart,
  doneIsRemoved,
  failedStays,
  undoneUnreceived,
  undoneAsBefore,
]

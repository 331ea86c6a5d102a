/**
 * Keeps the event loop turning for a moment after an answer, instead of putting the process to sleep. Who has the
 * answer in hand often asks again within a millisecond (a consumer that deletes what it has just received), and
 * a core that was let go to sleep takes longer to wake up than a request takes to be answered.
 *
 * It is only done where it pays, as kernels do that poll before they halt: rounds that met a request earn further ones,
 * rounds in vain use them up, and then five a second are tried. What is wasted is bounded by that: one round for four
 * that were of use, and half a percent of a core.
 */
export interface BusyPoll {
  /** A request has come. */
  requested(): void
  /** An answer has been given. */
  answered(): void
}

export interface BusyPollParts {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Calls back once the event loop has looked for what has come. */
  readonly nextTurn: (callback: () => void) => void
}

/** How long a round lasts: a client made with the SDK for JavaScript asks again after 0.4 ms, more or less. */
export const ROUND_MS = 1
/** How many rounds in vain there may be at once. */
export const MOST_ROUNDS = 10
const EARNED_BY_MEETING = 0.25
const EARNED_BY_MS = 1 / 200

export const busyPoll = ({ now, nextTurn }: BusyPollParts = systemParts): BusyPoll => {
  let allowance = MOST_ROUNDS
  let allowedAt = now()
  let roundUntil: number | undefined
  let turning = false

  const earn = (rounds: number) => {
    allowance = Math.min(MOST_ROUNDS, allowance + rounds)
  }
  const turn = (): void => {
    turning = roundUntil !== undefined && now() < roundUntil
    if (turning) nextTurn(turn)
    else if (roundUntil !== undefined) {
      roundUntil = undefined
      allowance -= 1
    }
  }

  return {
    requested: () => {
      if (roundUntil === undefined) return
      roundUntil = undefined
      earn(EARNED_BY_MEETING)
    },
    answered: () => {
      const at = now()
      earn((at - allowedAt) * EARNED_BY_MS)
      allowedAt = at
      if (allowance < 1) return
      roundUntil = at + ROUND_MS
      if (turning) return
      turning = true
      nextTurn(turn)
    },
  }
}

const systemParts: BusyPollParts = { now: () => performance.now(), nextTurn: setImmediate }

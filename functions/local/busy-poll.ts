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
  /** Passes about so much time, ms. */
  readonly pause: (ms: number) => void
}

/** How long a round lasts: a client made with the SDK for JavaScript asks again after 0.4 ms, more or less. */
export const ROUND_MS = 1
/** How many rounds in vain there may be at once. */
export const MOST_ROUNDS = 10
/**
 * How long to pause before the next turn, as a part of how long the round has lasted. Each turn leaves 330 bytes of
 * garbage: as many turns as there can be would have it collected 30 times a second, by threads for which the client's
 * core has to make room.
 */
const PATIENCE = 0.03
const EARNED_BY_MEETING = 0.25
const EARNED_BY_MS = 1 / 200

export const busyPoll = ({ now, nextTurn, pause }: BusyPollParts = systemParts): BusyPoll => {
  let allowance = MOST_ROUNDS
  let allowedAt = now()
  let roundFrom: number | undefined
  let turning = false

  const earn = (rounds: number) => {
    allowance = Math.min(MOST_ROUNDS, allowance + rounds)
  }
  const turn = (): void => {
    const waited = roundFrom === undefined ? ROUND_MS : now() - roundFrom
    turning = waited < ROUND_MS
    if (turning) {
      pause(waited * PATIENCE)
      nextTurn(turn)
    } else if (roundFrom !== undefined) {
      roundFrom = undefined
      allowance -= 1
    }
  }

  return {
    requested: () => {
      if (roundFrom === undefined) return
      roundFrom = undefined
      earn(EARNED_BY_MEETING)
    },
    answered: () => {
      const at = now()
      // Answers of long polls come without requests just before them: what lies between two of those is in vain, too.
      if (roundFrom !== undefined) allowance -= Math.min(1, (at - roundFrom) / ROUND_MS)
      roundFrom = undefined
      earn((at - allowedAt) * EARNED_BY_MS)
      allowedAt = at
      if (allowance < 1) return
      roundFrom = at
      if (turning) return
      turning = true
      nextTurn(turn)
    },
  }
}

const STEPS_PER_MS = 150_000
const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

const systemParts: BusyPollParts = {
  now: () => performance.now(),
  nextTurn: setImmediate,
  // Unlike asking for the time, counting leaves no garbage; and reading a shared cell can't be optimized away.
  pause: (ms) => {
    for (let left = ms * STEPS_PER_MS; left > 0; left--) Atomics.load(cell, 0)
  },
}

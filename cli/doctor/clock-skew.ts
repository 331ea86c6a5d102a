import type { ServerClock } from '../../lib/store/dynamodb/server-clock.ts'
import { duration } from '../output/words.ts'
import type { Finding } from './finding.ts'

/** A skew from this on is a warning, ms. */
const WARNING_MS = 2_000
/** A skew from this on is bad, ms. */
const BAD_MS = 60_000

/**
 * How far this machine's clock is off DynamoDB's. Answers have whole seconds, so the check misses a skew of less than a second.
 *
 * @param server DynamoDB's clock, estimated from the answers to the other checks
 * @param now epoch ms, by this machine
 */
export const clockSkew = (server: ServerClock, now: number): readonly Finding[] => {
  const doubt = server.uncertaintyMs()
  if (!Number.isFinite(doubt)) return []
  const skew = now - server.now()
  const size = Math.abs(skew)
  if (size - doubt <= WARNING_MS) return []
  return [
    {
      code: 'clock-skew',
      level: size + doubt >= BAD_MS ? 'bad' : 'warning',
      what: `the clock of this machine is about ${duration(size)} ${skew > 0 ? 'ahead of' : 'behind'} DynamoDB's: due times that programs here compute are off by as much, and AWS refuses signatures that are minutes off`,
      cures: [{ command: 'sudo timedatectl set-ntp true', effect: "set this machine's clock by the network" }],
    },
  ]
}

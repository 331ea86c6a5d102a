import type { Io } from './io.ts'
import type { Output } from './output/output.ts'
import type { Target } from './target/target.ts'

/** What a verb works with. */
export interface Session {
  readonly target: Target
  readonly out: Output
  /** Aborts at Ctrl-C, or when the reader of stdout has gone away: a verb then ends what it has begun, and reports how far it got. */
  readonly signal: AbortSignal
  readonly io: Io
  /** Whether the caller answered every question in advance: `--yes`. */
  readonly yes: boolean
  /** Epoch ms. */
  readonly now: () => number
  /** Waits; throws at Ctrl-C. */
  readonly sleep: (ms: number) => Promise<void>
}

/** Ctrl-C, or a reader of stdout that has gone away, ended a command. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

import type { Option } from 'commander'
import type { Session } from './session.ts'

type Group = 'Look' | 'Queues' | 'Messages' | 'Dead letters' | 'Whole queues' | 'Other'

export interface VerbParts<O> {
  /** As commander reads it: `peek <queue>`, `send <queue> [body...]`. */
  readonly syntax: string
  readonly group: Group
  /** One line, for the list of verbs. */
  readonly summary: string
  /** Further text for the help. */
  readonly details?: string
  readonly options?: () => readonly Option[]
  /** Whether the verb destroys something, and so asks first, or takes `--yes`. */
  readonly destroys?: boolean
  /** Whether the verb needs no queues: then no target is opened. */
  readonly withoutTarget?: boolean
  /** Commands to copy, each with what it does. */
  readonly examples: readonly (readonly [command: string, effect: string])[]
  /** Arguments are in the order of the syntax; a variadic one is the rest. Returns the exit code if it is not 0. */
  run(session: Session, args: readonly string[], options: O): Promise<number | undefined>
}

export type Verb = VerbParts<Readonly<Record<string, unknown>>>

/** A verb, with the type of its options. */
export const verb = <O extends object>(parts: VerbParts<O>): Verb => parts as unknown as Verb

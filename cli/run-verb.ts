import { UsageError } from '../functions/local/usage-error.ts'
import { systemClock } from '../lib/clock.ts'
import { type HoldfastError, isHoldfastError } from '../lib/model/errors.ts'
import type { Io } from './io.ts'
import { createOutput } from './output/output.ts'
import { visible } from './output/words.ts'
import { Interrupted, type Session } from './session.ts'
import { chooseTarget, type TargetOptions } from './target/choose-target.ts'
import type { Target } from './target/target.ts'
import type { Verb } from './verb.ts'

/** Exit codes, which scripts rely on. */
export const EXIT = { done: 0, failed: 1, usedWrongly: 2 } as const

export interface CommonOptions extends TargetOptions {
  readonly json?: boolean
  readonly yes?: boolean
}

/** What tests replace. */
export interface Surroundings {
  readonly openTarget?: (options: TargetOptions) => Promise<Target>
  readonly now?: () => number
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Runs a verb to its end and answers the exit code.
 *
 * The first Ctrl-C aborts the session's signal: the verb ends what it has begun and reports how far it got. It waits for a change that is
 * on its way, because the outcome would not be known otherwise. The second Ctrl-C ends the process at once, and a note reports that.
 */
export const runVerb = async (
  verb: Verb,
  args: readonly string[],
  options: CommonOptions,
  io: Io,
  surroundings: Surroundings = {},
): Promise<number> => {
  const { openTarget = (given) => chooseTarget(given, io.env, io.cwd), now = Date.now, sleep = waitFor } = surroundings
  const ending = new AbortController()
  const readerGone = () => ending.abort(new Interrupted(READER_GONE))
  const out = createOutput(io, { json: options.json, readerGone })
  const stopListening = io.onInterrupt(() => {
    if (ending.signal.aborted) return leaveAtOnce(io)
    io.stderr.write(io.stderr.isTTY ? '\n' : '')
    ending.abort(new Interrupted('interrupted'))
  })
  let target: Target | undefined
  try {
    target = verb.withoutTarget ? NO_TARGET : await openTarget(options)
    const { signal } = ending
    const sleepOn = (ms: number) => sleep(ms, signal)
    const session: Session = { target, out, signal, io, yes: options.yes ?? false, now, sleep: sleepOn }
    return (await verb.run(session, args, options as Readonly<Record<string, unknown>>)) ?? EXIT.done
  } catch (error) {
    return failure(error, io)
  } finally {
    await target?.close().catch(() => {})
    await out.flushed()
    stopListening()
  }
}

/** For verbs that work without queues. */
const NO_TARGET: Target = {
  name: 'nowhere',
  options: '',
  call: () => Promise.reject(new Error('this command asks no queues')),
  close: async () => {},
}

const waitFor = async (ms: number, signal: AbortSignal): Promise<void> => {
  await systemClock.sleep(ms, signal)
  signal.throwIfAborted()
}

const leaveAtOnce = (io: Io): void => {
  io.stderr.write('holdfast: left at once: whether the last change was made is not known\n')
  io.leave(EXIT.failed)
}

const failure = (error: unknown, io: Io): number => {
  if (error instanceof Interrupted || (error as Error).name === 'AbortError') {
    if ((error as Error).message === READER_GONE) return EXIT.done
    io.stderr.write('holdfast: interrupted; nothing was changed\n')
    return EXIT.failed
  }
  io.stderr.write(`holdfast: ${visible(reason(error))}\n`)
  return error instanceof UsageError || isHoldfastError(error, 'InvalidRequest') ? EXIT.usedWrongly : EXIT.failed
}

const READER_GONE = 'the reader of the output has gone'

const reason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const advice = isHoldfastError(error) ? adviceOn(error) : undefined
  return advice === undefined ? error.message : `${error.message}\n${advice}`
}

/** A message in flight, and a queue that others change, are operations in progress too: their own words say all. */
const adviceOn = ({ code, message }: HoldfastError): string | undefined =>
  code === 'OperationInProgress' && !message.includes('redrive') ? undefined : ADVICE[code]

/** What to do about a refusal whose message does not include that. */
const ADVICE: Partial<Record<string, string>> = {
  QueueNotFound: '"holdfast queues" lists the queues that there are.',
  OperationInProgress: '"holdfast redrive NAME --cancel" stops it.',
  LeaseLost: 'Its lease has ended, or another consumer has the message: "holdfast show" says where it is.',
}

import type { Engine } from '../engine.ts'
import { isHoldfastError } from '../model/errors.ts'
import { dispatchBatches } from './dispatch-batches.ts'
import { entryBeforeScan, futureInstants, guardRun, noteDue, startsAt, writeDue } from './due-index.ts'
import { dropMark, type HeldMark, renewMark, takeMark } from './mark.ts'
import { NOTHING, nextDue } from './next-due.ts'
import type { DispatchOptions, Run, RunEnd } from './run-state.ts'
import { slotsOf } from './slots.ts'
import { FILTER_LAG_MS, GUARD_MS, MARK_RENEWAL_MS, STAY_MS } from './times.ts'
import { readTrigger } from './trigger.ts'
import { wakeSignal } from './wake-signal.ts'

/**
 * Delivers a queue's messages to its trigger's function until no message is due soon. The mark lets at most one run of a queue claim
 * at the same time; the invariant of `Slots` does not depend on that.
 *
 * @returns how the run ended, after all its invocations have ended
 * @throws a lasting error of the store or the engine; by the guard in the due index a tick starts another run
 */
export const dispatch = async (engine: Engine, options: DispatchOptions): Promise<RunEnd> => {
  const runId = Buffer.from(engine.random.bytes(12)).toString('hex')
  const mark = await takeMark(engine, options.queue, runId)
  if (!mark) return 'marked'
  const run: Run = {
    engine,
    options,
    observe: options.observe ?? (() => {}),
    slots: await slotsOf(engine, options.queue, runId),
    wakeUp: wakeSignal(engine.clock),
    claiming: new AbortController(),
    underWay: new Set(),
    idleAt: 0,
    alone: oneAtATime(),
    trigger: await readTrigger(engine, options.queue),
    mark,
    markLost: false,
    throttle: { delayMs: 0, tryAt: 0 },
  }
  const ended = new AbortController()
  const keeping = keepMark(run, ended.signal)
  const stop = () => stopClaiming(run)
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    return await dispatchUntilIdle(run)
  } finally {
    options.signal?.removeEventListener('abort', stop)
    ended.abort()
    // Each slot is released as soon as it is free, because a successor waits for it.
    const release = () => run.slots.release()
    await Promise.all([keeping, release(), ...[...run.underWay].map((work) => work.then(release))])
  }
}

const dispatchUntilIdle = async (run: Run): Promise<RunEnd> => {
  const { engine, options } = run
  for (let lingerMs: number | undefined; ; ) {
    const why = await dispatchBatches(run, lingerMs)
    switch (why) {
      case 'mark-lost':
        run.observe({ type: 'mark-lost', queue: options.queue })
        return why
      case 'stopped':
        // The next run finds the remaining messages.
        if (await removeMark(run)) await noteDue(engine, options.queue, engine.clock.now())
        return why
      case 'time-over':
        if (!(await removeMark(run))) return 'mark-lost'
        await options.startRun(options.queue)
        return 'handed-over'
      case 'idle': {
        const stayUntil = await run.alone(() => lastScan(run))
        if (stayUntil === undefined) return 'idle'
        lingerMs = Math.max(0, stayUntil - engine.clock.now())
      }
    }
  }
}

/** Removes the run's mark for good. Returns whether the run still had it. */
const removeMark = (run: Run): Promise<boolean> =>
  run.alone(async () => {
    const dropped = await dropMark(run.engine, run.options.queue, run.mark)
    if (dropped) run.mark = dropped
    return dropped !== undefined
  })

/**
 * Removes the mark and then makes the last scan. A wake that read the mark before leaves its message to this scan, and a wake that
 * reads no mark afterwards starts a run.
 *
 * @returns until when the run stays, after it has taken the mark again; `undefined` when the run is over
 */
const lastScan = async (run: Run): Promise<number | undefined> => {
  const { engine, options } = run
  const { queue } = options
  const dropped = await dropMark(engine, queue, run.mark)
  if (!dropped) return undefined
  run.mark = dropped
  for (;;) {
    const now = engine.clock.now()
    // Read before the scan: a process that writes an earlier instant from here on changes the version.
    const entry = await entryBeforeScan(engine, queue, dropped.runId, now)
    // Another run began: it scans the queue, and the entry belongs to it.
    if (!entry) return undefined
    const trigger = await readTrigger(engine, queue)
    const next = trigger?.enabled ? await nextDue(engine, queue, now + STAY_MS) : NOTHING
    if (next.at <= now + STAY_MS) {
      const again = await renewMark(engine, queue, dropped)
      // Another run began, and finds the message itself.
      if (!again) return undefined
      run.mark = again
      run.trigger = trigger
      return Math.max(next.at, now)
    }
    const noted = futureInstants(entry.due, now)
    const at = Math.min(next.at, noted.at ?? Number.POSITIVE_INFINITY)
    const unseen = trigger?.enabled && now < (trigger.declaredAt ?? 0) + FILTER_LAG_MS
    const left = next.left || unseen || Number.isFinite(startsAt(noted))
    // What the entry said before the look stays: a wake of a pause since then has found it, and written nothing.
    const paused = next.paused ?? entry.due.paused
    const noting = { ...noted, left, ...(paused && { paused }), ...(Number.isFinite(at) && { at }) }
    if (await writeDue(engine, queue, noting, entry.version)) return undefined
  }
}

/** Renews the mark and the guard, and reads the trigger's settings again, until the run ends. */
const keepMark = async (run: Run, ended: AbortSignal): Promise<void> => {
  const { engine, options } = run
  let guardedUntil = engine.clock.now() + GUARD_MS
  for (;;) {
    await engine.clock.sleep(MARK_RENEWAL_MS, ended)
    if (ended.aborted) return
    try {
      await run.alone(async () => {
        if (ended.aborted || isDropped(run.mark)) return
        const renewed = await renewMark(engine, options.queue, run.mark)
        if (renewed) run.mark = renewed
        else run.markLost = true
      })
      run.trigger = await readTrigger(engine, options.queue)
      if (engine.clock.now() > guardedUntil - GUARD_MS / 2 && !run.markLost && !isDropped(run.mark)) {
        guardedUntil = engine.clock.now() + GUARD_MS
        await guardRun(engine, options.queue, run.mark.runId)
      }
      if (run.markLost || !run.trigger?.enabled) stopClaiming(run)
    } catch (error) {
      // The next renewal tries again. Every claim first checks the end of the mark.
      if (!isHoldfastError(error)) throw error
    }
  }
}

/** Ends a wait for messages, so that the run notices a change. */
const stopClaiming = (run: Run): void => {
  run.claiming.abort()
  run.wakeUp.wake()
}

const isDropped = ({ until }: HeldMark): boolean => until === 0

const oneAtATime = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work, work)
    last = done.catch(() => {})
    return done
  }
}

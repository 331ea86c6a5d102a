import { tick, wake } from '../../lib/triggers/wake.ts'
import { theEngine } from '../runtime/compose.ts'
import { invokeByClient } from '../runtime/lambda-invocation.ts'
import { lambdaLog } from '../runtime/telemetry.ts'
import { observeTrigger } from './observe-trigger.ts'
import { dispatchEvent, isLoss, isTick, publishedSegments, type WakeEvent } from './trigger-events.ts'

/** One tick in ten is a sweep. */
const SWEEP_EVERY_MS = 600_000
const TICK_MS = 60_000

/** Starts the runs of triggers for published segments, at a tick for those that are due, and after lost records for all. */
export const wakeTriggers = async (event: WakeEvent): Promise<void> => {
  const engine = theEngine()
  if (!isTick(event) && !isLoss(event)) {
    return await wake(engine, publishedSegments(event), { startRun, observe: observeTrigger })
  }
  const all = !isTick(event)
  if (all) lambdaLog.warn('records of the stream were given up: each trigger gets a run', {})
  const sweep = engine.clock.now() % SWEEP_EVERY_MS < TICK_MS
  const started = await tick(engine, { startRun, sweep, all, observe: observeTrigger })
  if (started > 0) lambdaLog.info('started runs of triggers', { started, sweep, all })
}

/** HOLDFAST_DISPATCH_FUNCTION: the name of the function that runs `functions/dispatch.ts`. */
const startRun = async (queue: string): Promise<void> => {
  const { HOLDFAST_DISPATCH_FUNCTION: name } = process.env
  if (!name) throw new Error('the environment variable HOLDFAST_DISPATCH_FUNCTION must name the dispatcher')
  await invokeByClient(name, JSON.stringify(dispatchEvent(queue)))
}

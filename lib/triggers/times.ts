/**
 * The spans of time of the trigger protocol, in ms. `docs/triggers.md` explains the protocol.
 *
 * Limits of SQS's event source that the ranges follow:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
 */

/** How long a run's mark lasts without being renewed. */
export const MARK_MS = 20_000
/** A run renews its mark this often, and reads its trigger's settings again. */
export const MARK_RENEWAL_MS = 7_000
/** A run does not claim when its mark ends within this time, by which the clocks of two runs may differ. */
export const MARK_MARGIN_MS = 3_000

/**
 * How much longer than the function's timeout an invocation may take: its start, its initialization (up to 10 s, which the
 * timeout does not count), the requests on their way, and the difference of two clocks.
 */
export const INVOCATION_MARGIN_MS = 30_000
/** How far a slot's record reaches beyond one invocation, so that several invocations of a busy slot share one write. */
export const SLOT_AHEAD_MS = 60_000
/** How long a batch may take from its first claim to its invocation, beside the batching window. */
export const ASSEMBLY_MS = 10_000

/** A run without work waits this long before it ends, because a start costs more than a few empty polls. */
export const LINGER_MS = 2_000
/** A run does not end while a message is due within this time. */
export const STAY_MS = 10_000
/** How long after the last renewal of a run's guard a tick starts another run in case the first one died. */
export const GUARD_MS = 60_000

/** A throttled function is invoked again after this long, and after twice as long each time that it is throttled again. */
export const FIRST_PROBE_MS = 1_000
export const LAST_PROBE_MS = 60_000

/** A run reserves this much of its time for settling its last batches. */
export const SETTLE_MS = 15_000

/** A run that finds a segment whose ticket is not written yet scans again after a random time between half of this and all of it. */
export const PUBLISH_SPREAD_MS = 60_000

/**
 * How long after a trigger is declared Lambda may still read the stream by a filter without its queue: updates of an event
 * source mapping take "several minutes". Until then sweeps start a run of the queue, whatever the last run left.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export const FILTER_LAG_MS = 900_000

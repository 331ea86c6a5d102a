const MIB = 1024 * 1024
/** What the dispatcher takes with nothing under way, with Node and the SDK. */
const RUNTIME_BYTES = 110 * MIB
/** One batch is claimed and made into an event at a time: 25 messages of 1 MiB, as the table answers them and as text. */
const CLAIM_BYTES = 100 * MIB
/** An event under way is one buffer, and the request that sends it; measured at 1.2 to 1.5 times the event. */
const OVERHEAD = 1.5

/** Most bytes of events under way in a function with so much memory. */
export const eventBytesIn = (memoryMb: number): number =>
  Math.max(0, Math.floor((memoryMb * MIB - RUNTIME_BYTES - CLAIM_BYTES) / OVERHEAD))

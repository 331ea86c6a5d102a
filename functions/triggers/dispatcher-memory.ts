const MIB = 1024 * 1024
/** The dispatcher's memory with no event under way: Node and the SDK. */
const RUNTIME_BYTES = 110 * MIB
/** Memory for the one batch that is being claimed and made into an event: 25 messages of 1 MiB, as the table's answer and as text. */
const CLAIM_BYTES = 100 * MIB
/** Memory of an event under way, its buffer and the request that sends it, over its size: measured at 1.2 to 1.5. */
const OVERHEAD = 1.5

/** How many bytes of events may be under way in a function with this much memory. */
export const eventBytesIn = (memoryMb: number): number =>
  Math.max(0, Math.floor((memoryMb * MIB - RUNTIME_BYTES - CLAIM_BYTES) / OVERHEAD))

/**
 * How a lease ended. `settled`: by an ack, or by a permanent failure. `ranOut`: the lease expired before an ack, a nack or an
 * extension.
 */
export type LeaseEnd = 'settled' | 'nacked' | 'unreceived' | 'deadLettered' | 'moved' | 'ranOut'

/** A lease that the server has given. Instants are epoch ms. */
export interface SeenLease {
  readonly queue: string
  readonly at: number
  /** When the lease ends, or would have ended. */
  readonly until: number
  /** Absent while the lease lasts. */
  readonly end?: { readonly how: LeaseEnd; readonly at: number; readonly reason?: string | undefined }
}

/** The leases of one server process. */
export interface LeasesSeen {
  /** When the record begins, epoch ms. */
  readonly since: number
  /** The leases of a message, oldest first. */
  of(messageId: string): readonly SeenLease[]
}

/** Messages that went through a queue in a span of `bucketSeconds`. */
export interface Flow {
  /** Epoch ms. */
  readonly at: number
  /** Published, or moved into the queue. */
  readonly stored: number
  readonly received: number
  readonly settled: number
}

/** Messages that recently went through each queue. */
export interface FlowsSeen {
  readonly bucketSeconds: number
  /** Oldest first, the present span last. */
  of(queue: string): readonly Flow[]
}

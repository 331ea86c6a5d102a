/** How a lease ended. `settled`: by an ack, or as failed for good. `ranOut`: its time was over before an ack, a nack or an extension. */
export type LeaseEnd = 'settled' | 'nacked' | 'unreceived' | 'deadLettered' | 'moved' | 'ranOut'

/** A lease that was seen. Instants are epoch ms. */
export interface SeenLease {
  readonly queue: string
  readonly at: number
  /** When the lease ends, or would have ended. */
  readonly until: number
  /** Absent while the lease lasts. */
  readonly end?: { readonly how: LeaseEnd; readonly at: number; readonly reason?: string | undefined }
}

/** The leases that one process gave and saw end. */
export interface LeasesSeen {
  /** Since when it watches, epoch ms. */
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

/** How many messages went through each queue lately. */
export interface FlowsSeen {
  readonly bucketSeconds: number
  /** Oldest first, the present span last. */
  of(queue: string): readonly Flow[]
}

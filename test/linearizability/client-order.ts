/** The argument of a process that runs clients of a server. */
export interface ClientOrder {
  readonly name: string
  readonly url: string
  /** Milliseconds between the machine's monotonic clock and the epoch: all processes count from the same instant. */
  readonly epochMs: number
  readonly loops: number
}

export const QUEUES = ['orders', 'orders.fifo'] as const

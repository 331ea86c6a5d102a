/** What the checker needs of a history besides its operations. `checker/history.go` has the same members. */
export interface HistoryHeader {
  readonly history: number
  readonly world: string
  readonly model: 'standard' | 'fifo'
  /** When the queues were empty, on the true clock. */
  readonly endAt: number
  /** How far a clock may be from the true one. */
  readonly skewMs: number
  /** How far a clock may go back between two readings. */
  readonly jumpMs: number
  /** Whether a poll may lease messages and fail to return them. */
  readonly hidden: boolean
  /** 0 where no message is dead-lettered. */
  readonly maxReceives: number
  readonly redrives: boolean
  /** Whether messages of a standard queue are in groups. */
  readonly grouped: boolean
  /** Whether the numbers of a FIFO group still rise after the group was empty. */
  readonly numbersRise: boolean
  /** The broken promises that the simulator itself found. */
  readonly ownVerdict: readonly string[]
}

import type { Consumption } from '../../lib/store/dynamodb/consumption.ts'
import type { Store } from '../../lib/store/port.ts'

export type Meter = (consumed: (consumption: Consumption) => void) => void

/** Where the local server keeps messages. */
export interface LocalStore {
  readonly store: Store
  /** Where the messages are, for the banner. */
  readonly description: string
  /** A warning about this store for the user who starts the server. */
  readonly warning?: string
  /** The directory with its data; absent where the data is in memory or on another machine. */
  readonly directory?: string
  /** Sets what is called with the units that each request consumed; absent where no DynamoDB meters them. */
  readonly meter?: Meter
  /** Resolves with the reason if the store fails before `close`; otherwise never. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

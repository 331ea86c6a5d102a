import type { Store } from '../../lib/store/port.ts'

/** Where the local server keeps messages. */
export interface LocalStore {
  readonly store: Store
  /** Where the messages are, for the banner. */
  readonly description: string
  /** A warning about this store for the user who starts the server. */
  readonly warning?: string
  /** The directory with its data; absent where the data is in memory or on another machine. */
  readonly directory?: string
  /** Resolves with the reason if the store fails before `close`; otherwise never. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

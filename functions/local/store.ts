import type { Store } from '../../lib/store/port.ts'

/** Where the local server keeps messages. */
export interface LocalStore {
  readonly store: Store
  /** Where the messages are, for the banner. */
  readonly description: string
  /** What whoever starts the server must know of this store. */
  readonly warning?: string
  /** Resolves with the reason when the store ends although nobody has closed it. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

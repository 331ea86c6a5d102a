import type { PutWrite } from './port.ts'

/** The version that a document has after a write. */
export const versionAfter = ({ ifVersion = 0, firstVersion = 1 }: PutWrite): number =>
  ifVersion === 0 ? firstVersion : ifVersion + 1

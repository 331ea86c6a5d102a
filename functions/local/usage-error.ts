/** The command line, or what it names, is wrong: the process ends with exit code 2, and the message says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

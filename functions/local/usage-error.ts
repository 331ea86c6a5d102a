/** The command line, or a file or address that it names, is wrong: the process ends with exit code 2. The message says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

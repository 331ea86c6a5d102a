import type { Log } from '../runtime/log.ts'
import { keyRing, keysInFile, parseKeys } from '../sqs/keys.ts'
import { type Authenticator, sigv4Authenticator } from '../sqs/sigv4.ts'
import { fileFault } from './file-fault.ts'
import { UsageError } from './usage-error.ts'

/**
 * Admits SQS clients that sign with a key in the file, which may change while the server runs.
 *
 * @throws `UsageError` at once, not at the first request, for a file that is missing or malformed
 */
export const authenticatorFrom = async (file: string, log: Log): Promise<Authenticator> => {
  const load = keysInFile(file)
  try {
    parseKeys(await load())
  } catch (error) {
    throw new UsageError(`--auth ${file}: ${fileFault(error)}`, { cause: error })
  }
  const failed = (error: unknown) =>
    log.warn(`the access keys in ${file} can't be read; the keys that were read before stay in force`, { error })
  return sigv4Authenticator({ keys: keyRing({ load, failed }) })
}

import { openPlace } from '../../lib/client/places/open.ts'
import { inProcessTarget } from './in-process-target.ts'
import type { Target } from './target.ts'

/** A DynamoDB table, with the caller's own IAM role: region, credentials and endpoint are those of the SDK's environment. */
export const tableTarget = (table: string): Target => {
  // The SDK's warning about Node's version is for developers who choose the SDK.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const place = openPlace({ table })
  if (!place.engine) throw new Error('a table has an engine')
  return inProcessTarget({
    engine: place.engine,
    name: `table ${table}`,
    options: `--table ${table}`,
    close: () => place.transport.close(),
  })
}

import { base64, bytesOfBase64 } from '../../lib/model/base64.ts'
import type { Body } from '../../lib/model/message.ts'
import type { MessageStatus } from '../../lib/model/message-status.ts'
import type { ResultAnswer } from '../../lib/model/result.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import type { AckEntry } from '../../lib/settle/ack.ts'
import { iso } from './message-json.ts'
import type { AckResultBody } from './settle-requests.ts'

interface AckBody extends Omit<AckResultBody, 'ifKept' | 'unstored'> {
  readonly receiptHandles: readonly string[]
  readonly results?: readonly AckResultBody[] | undefined
}

/** The acks that a request asks for, one for each message. */
export const ackEntriesFrom = ({ receiptHandles, results, ...all }: AckBody): AckEntry[] =>
  receiptHandles.map((receiptHandle, position) => ({ receiptHandle, ...entryFrom(results?.[position] ?? all) }))

const entryFrom = ({ result, resultBase64, failure, ...rest }: AckResultBody): Omit<AckEntry, 'receiptHandle'> => ({
  ...withoutUndefined(rest),
  ...(result !== undefined && { result: result as Body }),
  ...(resultBase64 !== undefined && { result: bytesOfBase64(resultBase64) }),
  ...(failure && { failure: withoutUndefined(failure) }),
})

/** The members of a status that are instants. */
const INSTANTS = ['visibleAt', 'until', 'at'] as const

export const statusJson = (status: MessageStatus) => {
  const plain: Readonly<Record<string, unknown>> = { ...status }
  const instants = INSTANTS.flatMap((name) => (plain[name] === undefined ? [] : [[name, iso(plain[name] as number)]]))
  return { ...plain, ...Object.fromEntries(instants) }
}

export const resultJson = (messageId: string, { status, result, failure, unstored }: ResultAnswer) => ({
  messageId,
  status: statusJson(status),
  ...(result !== undefined && (result instanceof Uint8Array ? { resultBase64: base64(result) } : { result })),
  ...(failure && { failure }),
  ...(unstored !== undefined && { unstored }),
})

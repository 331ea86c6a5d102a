import { ERROR_CODES, isHoldfastError } from '../../../lib/model/errors.ts'
import { httpTransport } from '../../../lib/transport/http-transport.ts'
import type { Transport } from '../../../lib/transport/port.ts'
import { unsigned } from '../../../lib/transport/signer.ts'
import {
  checkCounts,
  checkDone,
  checkMessage,
  checkPage,
  checkPublished,
  checkQueue,
  checkResult,
  checkSettled,
  checkStatus,
  checkStored,
  type LastAnswer,
} from '../client-checks.ts'
import { demand, orRefusal } from '../judge.ts'
import { type Step, stepsOf } from '../target.ts'

/**
 * What an address answers to a call of the client, whatever is there: the first line is the call, then follow the answers to its
 * tries, the last of which is repeated. An answer's first line is its status.
 *
 *     ack
 *     ---
 *     503
 *     retry-after: 1
 *
 *     ---
 *     200
 *
 *     {"results":[{"ok":true}]}
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [first, ...answers] = stepsOf(data, (text) => text).map((step) => step())
  const check = Object.hasOwn(CALLS, first?.head ?? '') ? CALLS[first?.head ?? ''] : undefined
  if (!check || answers.length === 0) return
  const tries: Step[] = []
  const answered = httpTransport({
    url: new URL('http://127.0.0.1:9324/stage'),
    sign: unsigned,
    clock: hurried(),
    fraction: () => 1,
    fetch: async () => {
      const step = answers[Math.min(tries.length, answers.length - 1)] as Step
      tries.push(step)
      return responseOf(step)
    },
  })
  const last = (): LastAnswer => ({
    status: Number(tries.at(-1)?.head),
    json: jsonOf(tries.at(-1)),
    tries: tries.length,
  })
  await orRefusal(() => check(answered, last), isTyped)
  demand(tries.length <= MAX_TRIES, `a call made ${tries.length} requests`)
}

const MAX_TRIES = 4
const ID = '019ca945-0a00-8000-801b-ff0fd396070b'

/** Its waits are over at once, and each may be of seconds at most. */
const hurried = () => ({
  now: () => 0,
  sleep: async (ms: number) => demand(ms >= 0 && ms <= 25_000, `a call waited for ${ms} ms`),
})

const responseOf = ({ head, headers, body }: Step): Response => {
  const status = Number(head)
  // A `Response` has no others; a runtime would fail to read them.
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) throw new TypeError('fetch failed')
  const isBodiless = [204, 205, 304].includes(status)
  return new Response(isBodiless ? null : new Uint8Array(body), { status, headers: [...headers] })
}

/** An error of the client, with a code that is one. */
const isTyped = (error: unknown): boolean =>
  isHoldfastError(error) && ERROR_CODES.includes(error.code) && typeof error.message === 'string'

const jsonOf = (step: Step | undefined): unknown => {
  try {
    return JSON.parse(step?.body.toString() ?? '')
  } catch {
    return undefined
  }
}

/** Makes a call, and checks a success against the last answer. */
type Call = (transport: Transport, last: () => LastAnswer) => Promise<void>

const CALLS: Readonly<Record<string, Call>> = {
  createQueue: async (to) => checkQueue((await to.createQueue('q', {})).queue),
  getQueue: async (to) => checkQueue(await to.getQueue('q')),
  updateQueue: async (to) => checkQueue(await to.updateQueue('q', {})),
  deleteQueue: (to, last) => to.deleteQueue('q').then(() => checkDone(last(), 'QueueNotFound')),
  purgeQueue: (to, last) => to.purgeQueue('q').then(() => checkDone(last(), 'PurgeInProgress')),
  cancelMessage: (to, last) => to.cancelMessage('q', ID).then(() => checkDone(last(), 'MessageNotFound')),
  listQueues: async (to) => checkPage(await to.listQueues({}), ({ queues }) => queues, checkQueue),
  counts: async (to) => checkCounts(await to.counts('q')),
  publish: async (to, last) => checkPublished(await to.publish('q', [{ body: 'a' }, { body: 2 }]), last()),
  poll: async (to) => (await to.poll('q', { maxMessages: 10 })).forEach(checkMessage),
  ack: async (to, last) => checkSettled(await to.ack('q', ['a', 'b']), last()),
  nack: async (to, last) => checkSettled(await to.nack('q', ['a', 'b'].map(asEntry)), last(), GIVEN_BACK),
  getMessage: async (to) => checkStored(await to.getMessage('q', ID)),
  messageStatus: async (to) => checkStatus(await to.messageStatus('q', ID)),
  awaitResult: async (to) => checkResult(await to.awaitResult('q', ID)),
  browse: async (to) => checkPage(await to.browse('q', {}), ({ messages }) => messages, checkStored),
  resendMessage: async (to) => checkStored(await to.resendMessage('q', ID)),
}

const asEntry = (receiptHandle: string) => ({ receiptHandle })
/** Failures that are none where an earlier try may have given the message back. */
const GIVEN_BACK = ['LeaseLost', 'MessageNotFound']

export const dictionary: readonly string[] = [
  ...Object.keys(CALLS),
  ...ERROR_CODES,
  '\n---\n200\n\n',
  '\n---\n204',
  '\n---\n503\nretry-after: 1\n\n',
  '\n---\n403\ndate: Tue, 01 Jan 2030 00:00:00 GMT\n\n',
  '{"results":[{"ok":true},{"ok":false,"error":{"code":"LeaseLost","detail":"d"}}]}',
  '"messageId":',
  '"bodyBase64":"AAE="',
  '"status":{"state":"',
  '"attributes":{"a":{"dataType":"Binary","valueBase64":"AA=="}}',
  '"counts":{"ready":1,"delayed":0,"leased":0,"exact":true}',
  '"2030-01-01T00:00:00Z"',
  '"cursor":',
  'null',
  '"__proto__":',
  '"constructor"',
  '-1',
  '1e400',
]

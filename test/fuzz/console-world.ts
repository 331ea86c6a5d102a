import { callApp } from '../../console/call-app.ts'
import { type Console, createConsole } from '../../console/console.ts'
import { ACTIONS, PAGES } from '../../console/routes.ts'
import { createApp } from '../../functions/http/app.ts'
import { isForConsole } from '../../functions/local/console-door.ts'
import { allOperations } from '../../functions/operations/all.ts'
import { silentLog } from '../../functions/runtime/log.ts'
import type { Engine } from '../../lib/engine.ts'
import { partitions, START } from '../../lib/queues/partitions.ts'
import { runRedrive } from '../../lib/redrive/redrive.ts'
import { demand, withinBounds } from './judge.ts'
import { engineWithQueues, leasedMessages, QUEUES } from './queues-world.ts'
import { stepsOf } from './target.ts'
import { demandWellFormed } from './well-formed.ts'

const BASE = 'http://127.0.0.1:9324'

/**
 * Visits pages of a console and sends its forms. `@token@` is the console's token, `@messageId@` the latest id on a page.
 *
 *     GET /console/queues/orders?state=ready
 *     ---
 *     POST /console/queues/orders/send
 *
 *     token=@token@&body=hello
 */
export const visitConsole = async (data: Buffer): Promise<void> => {
  const engine = await engineWithQueues()
  await leasedMessages(engine)
  const console = consoleOver(engine)
  const known = new Map<string, string>()
  read(known, await (await console(new Request(`${BASE}/console`))).text())
  const filled = (text: string) => text.replace(/@(\w+)@/g, (whole, name) => known.get(name) ?? whole)
  for (const step of stepsOf(data, filled)) {
    const { head, body } = step()
    const [method = '', target = '/'] = head.split(' ')
    if (!['GET', 'HEAD', 'POST'].includes(method) || !isForConsole(target) || !URL.canParse(target, BASE)) continue
    const isChange = method === 'POST' && known.get('token') === new URLSearchParams(body.toString()).get('token')
    const before = isChange ? '' : await stateOf(engine)
    read(known, await visited(console, { method, target, body }))
    demand(isChange || (await stateOf(engine)) === before, `${method} without the token changed a queue`, target)
  }
}

/** The app is built once, since that takes longer than a visit: it asks for its engine at each call. */
let present: Engine | undefined
const failures: unknown[] = []
const call = callApp(
  createApp({
    operations: allOperations(async (queue, taskId) => void (present && (await runRedrive(present, queue, taskId)))),
    engine: () => present as Engine,
    log: { ...silentLog, error: (_, { error }) => void failures.push(error) },
  }),
)

const consoleOver = (engine: Engine): Console => {
  present = engine
  failures.length = 0
  return createConsole({
    call,
    place: 'in memory',
    now: engine.clock.now,
    failed: (error) => void failures.push(error),
  })
}

interface Sent {
  readonly method: string
  readonly target: string
  readonly body: Buffer
}

/** The page that a request gets, after redirects within the console. */
const visited = async (console: Console, { method, target, body }: Sent): Promise<string> => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const request = new Request(new URL(target, BASE), {
    method,
    ...(method === 'POST' && { headers, body: new Uint8Array(body) }),
  })
  const { response, page } = await withinBounds(async () => {
    const response = await console(request)
    return { response, page: await response.text() }
  })
  const { status } = response
  demand(status < 500, `a page was answered with ${status}`, failures.at(-1))
  demand(response.headers.get('content-security-policy') !== null, 'a page has no policy', target)
  if (status === 303) {
    const location = response.headers.get('location') ?? ''
    demand(isForConsole(location), 'an action leads elsewhere', location)
    return await visited(console, { method: 'GET', target: location, body: NOTHING })
  }
  if (method !== 'HEAD' && response.headers.get('content-type')?.startsWith('text/html')) demandWellFormed(page)
  return page
}

const NOTHING = Buffer.alloc(0)

const read = (known: Map<string, string>, page: string): void => {
  for (const [, token = ''] of page.matchAll(/name="token" value="([^"]+)"/g)) known.set('token', token)
  for (const [, id = ''] of page.matchAll(/messages\/([0-9a-f-]{36})"/g)) known.set('messageId', id)
}

/** All queues and messages, with their leases. */
const stateOf = async (engine: Engine): Promise<string> => {
  const found: unknown[] = []
  for (const name of QUEUES) {
    const queue = await engine.queues.get(name).catch(() => undefined)
    found.push(queue)
    if (!queue) continue
    for await (const partition of partitions(engine, queue, START))
      found.push(await engine.store.headers({ partition, from: '0', to: '~', limit: 10, consistent: true }))
  }
  return JSON.stringify(found)
}

/** Addresses, fields and values of the console's pages. */
export const consoleWords = (): string[] => [
  ...Object.keys(PAGES).map((path) => `GET /console${filledPath(path)}`),
  ...Object.keys(ACTIONS).map((path) => `POST /console${filledPath(path)}\n\ntoken=@token@&`),
  '\n---\n',
  ...'state=ready& cursor= prefix= notice= queue= body= kind=json kind=base64 kind=text attributes={} delaySeconds= groupId= priority= which=all which=selected id=@messageId@ reason= destination= maxPerSecond= bodyContains= confirm= deadLetter.queue=dead was.deadLetter.queue= retentionSeconds= paused=yes edit='.split(
    ' ',
  ),
  '<b onclick=x>',
  '"\'><script>',
  '&amp;',
  'H4sIAAAAAAAA',
  '%00',
  '%ff',
  '%ed%a0%80',
  '\\ud800',
  '1e400',
]

const filledPath = (path: string): string => path.replace(':queue', 'orders').replace(/:(\w+)/, '@$1@')

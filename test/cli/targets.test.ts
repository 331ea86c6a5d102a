/** Every verb, at each place where queues can be: a table, a local server, and an API whose requests are signed. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { httpTarget } from '../../cli/target/http-target.ts'
import { tableTarget } from '../../cli/target/table-target.ts'
import type { Target } from '../../cli/target/target.ts'
import { VERBS } from '../../cli/verbs.ts'
import { composeFrontDoor } from '../../functions/local/compose.ts'
import { silentLog } from '../../functions/runtime/log.ts'
import { continueRedrives } from '../../functions/runtime/redrives.ts'
import { createEngine } from '../../lib/engine.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import { startServerProcess } from '../functions/local/server-process.ts'
import { embeddedTable, localClient, noEmbedded } from '../support/embedded.ts'
import { runCommand } from './command.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
})

/** A deployed API: whatever is not signed for it is refused. */
const signedApi = async (): Promise<Target> => {
  const engine = createEngine({ store: memoryStore() })
  const signal = new AbortController().signal
  const door = composeFrontDoor({
    options: {
      host: '127.0.0.1',
      allowedHost: ['abc.execute-api.eu-west-1.amazonaws.com'],
      httpOpen: true,
      cooldowns: false,
      regions: false,
    },
    engine,
    wakeRedrive: async (queue, taskId) =>
      void continueRedrives(engine, { signal, log: silentLog, tasks: [{ queue, taskId }] }),
    log: silentLog,
    place: 'memory',
  })
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKOPERATOR')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    const request = new Request(url, init)
    const signature = request.headers.get('authorization') ?? ''
    if (!/^AWS4-HMAC-SHA256 Credential=AKOPERATOR\/\d+\/eu-west-1\/execute-api\/aws4_request, /.test(signature)) {
      return Response.json({ message: 'Forbidden' }, { status: 403 })
    }
    request.headers.delete('origin')
    return door(request, { target: `${new URL(url).pathname}${new URL(url).search}`, signal: request.signal })
  })
  return httpTarget({ url: 'https://abc.execute-api.eu-west-1.amazonaws.com', options: '--url https://abc' })
}

const onTable = async (): Promise<Target> => {
  const embedded = await embeddedTable()
  return tableTarget({ table: embedded.table, client: localClient(embedded.endpoint) })
}

const local = async (): Promise<Target> => {
  const { url } = await startServerProcess({ args: ['--memory'] })
  return httpTarget({ url, options: '' })
}

const PLACES: [string, () => Promise<Target>][] = [
  ['a local server', local],
  ['a signed API', signedApi],
  ...(noEmbedded() ? [] : [['a table', onTable] as [string, () => Promise<Target>]]),
]

/** Verbs that other tests run: they run until they are ended, look at the place itself, or need no queues. */
const ELSEWHERE = ['tail', 'console', 'doctor', 'cost', 'completion']

describe.each(PLACES)('at %s', (_, open) => {
  test('every verb does its work', async () => {
    const target = await open()
    const used = new Set<string>()
    const run = async (words: string, stdin = '') => {
      used.add(words.split(' ')[0] ?? '')
      const ran = await runCommand(words.split(' '), { target: { ...target, close: async () => {} }, stdin })
      expect([words, ran.code, ran.stderr.includes('holdfast:')]).toEqual([words, 0, false])
      return ran.records
    }
    await run('create failed')
    await run('create orders deadLetter=failed:3 results.retentionSeconds=1h')
    await run('set orders visibilityTimeoutSeconds=60')
    const [first] = await run('send orders {"id":1} {"id":2} {"id":3}')
    expect(await run('peek orders')).toHaveLength(3)
    expect(await run(`show orders ${first.messageId}`)).toMatchObject([{ body: { id: 1 } }])
    await run(`reschedule orders ${first.messageId} --delay 1h`)
    await run(`cancel ${first.messageId} --yes`)
    const [leased] = await run('receive orders --wait 5s')
    await run('nack orders --delay 0', JSON.stringify(leased))
    const [again] = await run('receive orders --wait 5s')
    await run('nack orders --reason wrong', JSON.stringify(again))
    expect(await run('dead orders --group-by reason')).toMatchObject([{ reason: 'wrong', count: 1 }])
    await run(`resend orders ${again.messageId}`)
    const [third] = await run('receive orders --wait 5s')
    await run('nack orders --dead-letter', JSON.stringify(third))
    await run('redrive orders')
    expect(await run('peek orders --state ready')).toHaveLength(2)
    const [fourth] = await run('receive orders --wait 5s')
    await run('ack orders', JSON.stringify(fourth))
    expect(await run(`watch ${fourth.messageId}`)).toMatchObject([{ status: { state: 'done' } }])
    const exported = await run('export orders')
    expect(exported).toHaveLength(1)
    await run('import orders', exported.map((message) => JSON.stringify(message)).join('\n'))
    expect(await run('queue orders')).toMatchObject([{ counts: { ready: 2 } }])
    await run('pause orders')
    expect(await run('queues')).toMatchObject([{ name: 'orders' }, { name: 'failed' }])
    await run('resume orders')
    await run('purge orders --yes')
    await run('delete orders --yes')
    await run('delete failed --yes')
    expect(await run('bench -n 20')).toMatchObject([{ acked: 20 }])
    expect(VERBS.map(({ syntax }) => syntax.split(' ')[0]).filter((verb) => !used.has(verb ?? ''))).toEqual(ELSEWHERE)
    await target.close()
  })
})

test('an API refuses what is signed by nobody', async () => {
  const target = await signedApi()
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKOTHER')
  const { code, stderr } = await runCommand(['queues'], { target })
  expect([code, stderr]).toEqual([1, expect.stringContaining('holdfast:')])
})

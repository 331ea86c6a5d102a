import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { Target } from '../../cli/target/target.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { type Ran, runCommand } from './command.ts'

/** Whether Ctrl-C is pressed when a request is about to be made, or when it was answered. */
type When = 'before' | 'after'

interface Interrupted extends Ran {
  readonly engine: TestEngine
  /** Which request it was, for messages of failed tests: `before 3`. */
  readonly at: string
}

/** What a command works on: made anew for each run. */
interface Place {
  readonly engine: TestEngine
  readonly stdin?: string | Readable
}

/** Runs a command once for each request that it makes, with Ctrl-C pressed there. */
async function* interrupted<P extends Place>(
  when: When,
  prepare: () => Promise<P>,
  argsOf: (place: P) => readonly string[],
): AsyncGenerator<Interrupted & { readonly place: P }> {
  for (let request = 1; ; request++) {
    const place = await prepare()
    const { ran, pressed } = await pressedAt(request, when, place, argsOf(place))
    if (!pressed) {
      // Without Ctrl-C the command does all its work: the requests before were all of it.
      expect(ran.code).toBe(0)
      expect(request).toBeGreaterThan(2)
      return
    }
    yield { ...ran, engine: place.engine, at: `${when} ${request}`, place }
  }
}

const pressedAt = async (request: number, when: When, { engine, stdin }: Place, args: readonly string[]) => {
  const inner = inProcessTarget({ engine, name: 'memory', options: '' })
  const state = { calls: 0, pressed: false, press: () => {} }
  const pressIf = (now: When, call: number) => {
    if (now !== when || call !== request) return
    state.pressed = true
    state.press()
  }
  const target: Target = {
    ...inner,
    call: async (operation, parts) => {
      const call = ++state.calls
      pressIf('before', call)
      const answer = await inner.call(operation, parts)
      pressIf('after', call)
      return answer
    },
  }
  const interrupt = (press: () => void) => {
    state.press = press
  }
  const ran = await runCommand(args, { engine, target, interrupt, ...(stdin !== undefined && { stdin }) })
  return { ran, pressed: state.pressed }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, id) => id)
const ascending = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b)
const idsIn = async (engine: TestEngine, queue: string): Promise<number[]> =>
  (await runCommand(['peek', queue, '--all'], { engine })).records.map(({ body }) => body.id)

const lineOf = (id: number): string => `${JSON.stringify({ body: { id }, groupId: `g${id % 3}` })}\n`
const create = async (engine: TestEngine, queue: string) => {
  const settings = queue.endsWith('.fifo') ? ['fifo.contentBasedDeduplication=true'] : []
  expect(await runCommand(['create', queue, ...settings], { engine })).toMatchObject({ code: 0 })
}

/** A queue `orders` with so many messages. */
const withMessages = async (count: number): Promise<TestEngine> => {
  const engine = testEngine()
  await create(engine, 'orders')
  await runCommand(['send', 'orders'], { engine, stdin: numbers(count).map(lineOf).join('') })
  return engine
}

const NOTHING = 'holdfast: interrupted; nothing was changed\n'
/** The number that the command says, or 0 where it says that it changed nothing. */
const said = ({ stderr, at }: Interrupted, words: RegExp): number => {
  if (stderr === NOTHING) return 0
  expect([at, stderr]).toEqual([at, expect.stringMatching(words)])
  return Number(words.exec(stderr)?.[1])
}

const COUNT = 60
/** Where each message is a request. */
const FEW = 20

describe.each(['before', 'after'] as const)('Ctrl-C %s any request', { timeout: 240_000 }, (when) => {
  test('ends a send with the number of lines that are stored; the others can be sent then', async () => {
    const prepare = async () => {
      const engine = testEngine()
      await create(engine, 'orders')
      return { engine, stdin: Readable.from(numbers(FEW).map((id) => Buffer.from(lineOf(id)))) }
    }
    // A batch a line: each is sent when it arrives.
    for await (const run of interrupted(when, prepare, () => ['send', 'orders'])) {
      const sent = said(run, /^(\d+) messages? sent to orders; interrupted: what follows was not sent\n$/)
      expect([run.at, run.code, run.records.length]).toEqual([run.at, 1, sent])
      expect(ascending(await idsIn(run.engine, 'orders'))).toEqual(numbers(sent))
      const rest = numbers(FEW).slice(sent).map(lineOf).join('')
      if (rest !== '') expect(await runCommand(['send', 'orders'], { ...run, stdin: rest })).toMatchObject({ code: 0 })
      expect(ascending(await idsIn(run.engine, 'orders'))).toEqual(numbers(FEW))
    }
  })

  test.each(['copy', 'copy.fifo'])(
    'ends an import into %s so that a second one completes it, in its order',
    async (queue) => {
      const prepare = async () => {
        const engine = testEngine()
        await create(engine, queue)
        const file = join(await temporaryDirectory(), 'orders.ndjson')
        writeFileSync(file, numbers(COUNT).map(lineOf).join(''))
        return { engine, file }
      }
      const args = ({ file }: { readonly file: string }) => ['import', queue, '-i', file]
      let completed = 0
      for await (const run of interrupted(when, prepare, args)) {
        if (run.code === 0) {
          completed++
          // Ctrl-C came while the last batch was on its way: the import is complete.
          expect([run.at, run.stderr]).toEqual([run.at, `${COUNT} messages imported into ${queue}\n`])
          expect(ascending(await idsIn(run.engine, queue))).toEqual(numbers(COUNT))
          continue
        }
        const stored = said(
          run,
          /^interrupted: (\d+) messages? imported into \S+ before this; .* goes on from there\n$/,
        )
        expect([run.at, run.code]).toEqual([run.at, 1])
        expect(ascending(await idsIn(run.engine, queue))).toEqual(numbers(stored))
        expect(await runCommand(args(run.place), { engine: run.engine })).toMatchObject({ code: 0 })
        const ids = await idsIn(run.engine, queue)
        expect(ascending(ids)).toEqual(numbers(COUNT))
        const inGroup = (group: number) => ids.filter((id) => id % 3 === group)
        if (queue.endsWith('.fifo')) expect([0, 1, 2].map(inGroup)).toEqual([0, 1, 2].map((g) => ascending(inGroup(g))))
      }
      expect(completed).toBe(1)
    },
  )

  test('ends an export so that a second one completes the file, with each message once', async () => {
    const prepare = async () => ({
      engine: await withMessages(230),
      file: join(await temporaryDirectory(), 'orders.ndjson'),
    })
    const args = ({ file }: { readonly file: string }) => ['export', 'orders', '-o', file]
    const idsOf = (file: string): number[] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line).body.id]))
    for await (const run of interrupted(when, prepare, args)) {
      const { file } = run.place
      if (run.code !== 0) {
        const written = said(run, /^interrupted: (\d+) messages? of orders exported to .* goes on from there\n$/)
        if (run.stderr !== NOTHING) expect([run.at, idsOf(file).length]).toEqual([run.at, written])
        const again = await runCommand(args(run.place), { engine: run.engine })
        expect([run.at, again.code, again.stderr]).toEqual([
          run.at,
          0,
          expect.stringContaining('230 messages of orders'),
        ])
      }
      expect(ascending(idsOf(file))).toEqual(numbers(230))
      expect(ascending(await idsIn(run.engine, 'orders'))).toEqual(numbers(230))
    }
  })

  const withDeadLetters = async () => {
    const engine = await withMessages(FEW)
    await create(engine, 'failed')
    await runCommand(['set', 'orders', 'deadLetter=failed:3'], { engine })
    for (let left = FEW; left > 0; ) {
      const { records, stdout } = await runCommand(['receive', 'orders', '-n', '25'], { engine })
      left -= records.length
      await runCommand(['nack', 'orders', '--reason', 'broken'], { engine, stdin: stdout })
    }
    return { engine }
  }

  test.each([
    ['by a task', []],
    ['with an edit', ['--edit', '.body.again = true']],
  ])('ends a redrive %s with the number of moved messages; a second one moves the rest', async (_, edit) => {
    const args = ['redrive', 'orders', ...edit]
    for await (const run of interrupted(when, withDeadLetters, () => args)) {
      const [there, back] = [await idsIn(run.engine, 'failed'), await idsIn(run.engine, 'orders')]
      expect([run.at, ascending([...there, ...back])]).toEqual([run.at, numbers(FEW)])
      const moved = said(run, /(?:^|\n|: )(\d+) (?:messages?|of 20 selected messages) moved/)
      expect([run.at, moved]).toEqual([run.at, back.length])
      const cancelled = run.records.at(-1)?.state === 'cancelled'
      expect([run.at, run.code]).toEqual([run.at, moved === FEW && !cancelled ? 0 : 1])
      expect(await runCommand(args, { engine: run.engine })).toMatchObject({ code: 0 })
      expect([await idsIn(run.engine, 'failed'), ascending(await idsIn(run.engine, 'orders'))]).toEqual([
        [],
        numbers(FEW),
      ])
    }
  })

  test.each(['purge', 'delete'])('leaves the queue of a %s as it was and says so, or does all of it', async (verb) => {
    const heldIn = async (engine: TestEngine) => {
      const { names } = await listQueueNames(engine, { limit: 100 })
      return names.includes('orders') ? (await idsIn(engine, 'orders')).length : 'no queue'
    }
    const over = verb === 'purge' ? 0 : 'no queue'
    const args = [verb, 'orders', '--yes']
    const prepare = async () => ({ engine: await withMessages(COUNT) })
    for await (const run of interrupted(when, prepare, () => args)) {
      const held = await heldIn(run.engine)
      const expected = run.code === 0 ? [0, '', over] : [1, NOTHING, COUNT]
      expect([run.at, run.code, run.stderr, held]).toEqual([run.at, ...expected])
      if (run.code !== 0) expect(await runCommand(args, run)).toMatchObject({ code: 0 })
      expect(await heldIn(run.engine)).toBe(over)
    }
  })

  test('ends a bench with what it did, and its queue is gone', async () => {
    const prepare = async () => ({ engine: testEngine() })
    const args = ['bench', '-n', '30', '--parallel', '1']
    for await (const run of interrupted(when, prepare, () => args)) {
      expect([run.at, run.code]).toEqual([run.at, 1])
      expect(run.stderr).toMatch(/interrupted: \d+ published and \d+ acked; the queue is deleted\n$/)
      expect([run.at, (await listQueueNames(run.engine, { limit: 100 })).names]).toEqual([run.at, []])
    }
  })

  test('ends an ack with the number of messages that are acked; a second one acks the rest', async () => {
    const prepare = async () => {
      const engine = await withMessages(COUNT)
      let stdin = ''
      while (stdin.split('\n').length <= COUNT)
        stdin += (await runCommand(['receive', 'orders', '-n', '25'], { engine })).stdout
      return { engine, stdin }
    }
    for await (const run of interrupted(when, prepare, () => ['ack', 'orders'])) {
      const acked =
        run.code === 0 ? COUNT : said(run, /^(\d+) messages? of orders acked, \d+ not tried: interrupted\n$/)
      expect([run.at, (await idsIn(run.engine, 'orders')).length]).toEqual([run.at, COUNT - acked])
      const { stdin } = run.place
      expect(await runCommand(['ack', 'orders'], { engine: run.engine, stdin })).toMatchObject({ code: 0 })
      expect(await idsIn(run.engine, 'orders')).toEqual([])
    }
  })
})

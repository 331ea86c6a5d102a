import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { Target } from '../../cli/target/target.ts'
import { HoldfastError } from '../../lib/model/errors.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

const withMessages = async (count: number, queue = 'orders'): Promise<TestEngine> => {
  const engine = testEngine()
  await runCommand(['create', queue, ...(queue.endsWith('.fifo') ? ['fifo.contentBasedDeduplication=true'] : [])], {
    engine,
  })
  const lines = Array.from({ length: count }, (_, id) => JSON.stringify({ body: { id }, groupId: `g${id % 3}` }))
  await runCommand(['send', queue], { engine, stdin: lines.join('\n') })
  return engine
}

const idsIn = async (engine: TestEngine, queue: string): Promise<number[]> =>
  (await runCommand(['peek', queue, '--all'], { engine })).records.map(({ body }) => body.id).sort((a, b) => a - b)

const numbers = (count: number): number[] => Array.from({ length: count }, (_, id) => id)
const linesOf = (file: string): { body: { id: number } }[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))

/** A target at whose calls of one operation something happens. */
const targetWith = (engine: TestEngine, at: (operation: string, call: number) => void, after = false): Target => {
  const target = inProcessTarget({ engine, name: 'memory', options: '' })
  const calls = new Map<string, number>()
  return {
    ...target,
    call: async (operation, parts) => {
      const call = (calls.get(operation) ?? 0) + 1
      calls.set(operation, call)
      if (!after) at(operation, call)
      const answer = await target.call(operation, parts)
      if (after) at(operation, call)
      return answer
    },
  }
}

const broken = () => {
  throw new HoldfastError('StoreUnavailable', 'the connection broke off')
}

describe('an export', () => {
  test('has every message, whatever its state, and receives none', async () => {
    const engine = await withMessages(250)
    await runCommand(['receive', 'orders', '-n', '25'], { engine })
    const { code, records, stderr } = await runCommand(['export', 'orders'], { engine })
    expect([code, stderr]).toEqual([0, '250 messages of orders exported\n'])
    expect(records.map(({ body }) => body.id).sort((a, b) => a - b)).toEqual(numbers(250))
    expect(records.filter(({ state }) => state === 'leased')).toHaveLength(25)
  })

  test('to a file that was cut off at any point goes on, with every message once', async () => {
    const engine = await withMessages(450)
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    const failing = targetWith(engine, (operation, call) => operation === 'browseMessages' && call === 3 && broken())
    const cut = await runCommand(['export', 'orders', '-o', file], { engine, target: failing })
    expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining('the connection broke off') })
    // As if the process had ended between the lines of a page and its progress.
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"messageId":"half a l`)
    const { code, stderr } = await runCommand(['export', 'orders', '-o', file], { engine })
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^going on after 200 messages .*\n450 messages of orders/),
    ])
    expect(
      linesOf(file)
        .map(({ body }) => body.id)
        .sort((a, b) => a - b),
    ).toEqual(numbers(450))
    expect(existsSync(`${file}.progress`)).toBe(false)
  })

  test('stops at Ctrl-C, says how far it got, and goes on from there', async () => {
    const engine = await withMessages(450)
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    let press = () => {}
    const target = targetWith(
      engine,
      (operation, call) => operation === 'browseMessages' && call === 2 && press(),
      true,
    )
    const interrupt = (pressed: () => void) => {
      press = pressed
    }
    const cut = await runCommand(['export', 'orders', '-o', file], { engine, target, interrupt })
    expect(cut.code).toBe(1)
    expect(cut.stderr).toMatch(/interrupted: [12]00 messages of orders exported to .*goes on from there/)
    expect(await runCommand(['export', 'orders', '-o', file], { engine })).toMatchObject({ code: 0 })
    expect(
      linesOf(file)
        .map(({ body }) => body.id)
        .sort((a, b) => a - b),
    ).toEqual(numbers(450))
  })

  test('overwrites no file, and mixes no two queues', async () => {
    const engine = await withMessages(1)
    await runCommand(['create', 'jobs'], { engine })
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    writeFileSync(file, 'precious\n')
    expect(await runCommand(['export', 'orders', '-o', file], { engine })).toMatchObject({ code: 2 })
    expect(readFileSync(file, 'utf8')).toBe('precious\n')
    writeFileSync(`${file}.progress`, JSON.stringify({ queue: 'jobs', count: 0, bytes: 0 }))
    expect(await runCommand(['export', 'orders', '-o', file], { engine })).toMatchObject({ code: 2 })
    writeFileSync(`${file}.progress`, JSON.stringify({ queue: 'orders', count: 9, bytes: 999 }))
    expect(await runCommand(['export', 'orders', '-o', file], { engine })).toMatchObject({ code: 2 })
  })
})

test.each([
  'null',
  '[]',
  '"orders"',
  '{"queue":"orders"}',
  '{"queue":"orders","count":"9","bytes":0}',
  '{"queue":"orders","count":0,"bytes":-1}',
  '{"queue":"orders","count":0,"bytes":0.5}',
  '{"queue":"orders","count":0,"bytes":0,"cursor":7}',
])('what is no progress is named, by an export and by an import: %s', async (progress) => {
  const engine = await withMessages(1)
  const file = join(await temporaryDirectory(), 'orders.ndjson')
  writeFileSync(file, '')
  writeFileSync(`${file}.progress`, progress)
  writeFileSync(`${file}.import-progress`, progress)
  for (const line of [
    ['export', 'orders', '-o', file],
    ['import', 'orders', '-i', file],
  ]) {
    const { code, stderr } = await runCommand(line, { engine })
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('is no progress of an export') })
  }
})

describe('an import', () => {
  const exported = async (engine: TestEngine, queue = 'orders'): Promise<string> => {
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    await runCommand(['export', queue, '-o', file], { engine })
    return file
  }

  test('brings back what an export has: bodies, attributes, priorities, groups and due times', async () => {
    const engine = testEngine()
    await runCommand(['create', 'orders', 'priorities=3'], { engine })
    await runCommand(['send', 'orders', '1', '--priority', '2', '--attribute', 'a=b', '--delay', '1h'], { engine })
    await runCommand(['send', 'orders', 'text', '--group', 'g', '--deduplication-id', 'd'], { engine })
    await runCommand(['send', 'orders'], { engine, stdin: '{"bodyBase64":"AAEC"}' })
    const file = await exported(engine)
    const before = linesOf(file)
    await runCommand(['purge', 'orders', '--yes'], { engine })
    await engine.clock.advance(600_000)
    expect(await runCommand(['import', 'orders', '-i', file], { engine })).toMatchObject({ code: 0 })
    const { records } = await runCommand(['peek', 'orders'], { engine })
    const kept = (message: Record<string, unknown>) => {
      const { body, bodyBase64, attributes, priority, groupId, deduplicationId } = message
      return { body, bodyBase64, attributes, priority, groupId, deduplicationId }
    }
    const sorted = (messages: readonly object[]) => messages.map((one) => JSON.stringify(kept(one as never))).sort()
    expect(sorted(records)).toEqual(sorted(before))
    const delayed = (messages: readonly object[]) => messages.find((one) => (one as { body?: unknown }).body === 1)
    expect(delayed(records)).toMatchObject({
      dueAt: (delayed(before) as unknown as { dueAt: string }).dueAt,
      state: 'delayed',
    })
  })

  test('keeps the order of a FIFO queue', async () => {
    const engine = await withMessages(90, 'jobs.fifo')
    const file = await exported(engine, 'jobs.fifo')
    await runCommand(['purge', 'jobs.fifo', '--yes'], { engine })
    await engine.clock.advance(600_000)
    expect(await runCommand(['import', 'jobs.fifo', '-i', file], { engine })).toMatchObject({ code: 0 })
    const { records } = await runCommand(['peek', 'jobs.fifo', '--all'], { engine })
    const ofGroup = (group: string) => records.filter(({ groupId }) => groupId === group).map(({ body }) => body.id)
    expect(ofGroup('g1')).toEqual(numbers(90).filter((id) => id % 3 === 1))
  })

  test.each([
    ['before', false],
    ['after', true],
  ])('that was cut off %s a batch was stored goes on, with every message once', async (_, after) => {
    const engine = await withMessages(130)
    const file = await exported(engine)
    await runCommand(['create', 'copy'], { engine })
    const failing = targetWith(
      engine,
      (operation, call) => operation === 'publishMessages' && call === 3 && broken(),
      after,
    )
    const cut = await runCommand(['import', 'copy', '-i', file], { engine, target: failing })
    expect(cut.code).toBe(1)
    expect(cut.stderr).toContain('50 messages imported into copy before this')
    const { code, stderr } = await runCommand(['import', 'copy', '-i', file], { engine })
    expect([code, stderr]).toEqual([0, expect.stringContaining('130 messages imported into copy')])
    expect(await idsIn(engine, 'copy')).toEqual(numbers(130))
    expect(existsSync(`${file}.import-progress`)).toBe(false)
  })

  /** Begins an import of the file whose only batch is stored, and whose answer is lost. */
  const beginImport = async (engine: TestEngine, text: string): Promise<string> => {
    await runCommand(['create', 'orders'], { engine })
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    writeFileSync(file, text)
    const failing = targetWith(engine, (operation) => operation === 'publishMessages' && broken(), true)
    expect(await runCommand(['import', 'orders', '-i', file], { engine, target: failing })).toMatchObject({ code: 1 })
    return file
  }
  const line = (id: number) => `${JSON.stringify({ body: { id } })}\n`

  test('stores the batch that was on its way once where the file has grown since', async () => {
    const engine = testEngine()
    const file = await beginImport(engine, line(0) + line(1))
    appendFileSync(file, line(2) + line(3))
    const { code, stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect([code, stderr]).toEqual([0, expect.stringContaining('4 messages imported into orders')])
    expect(await idsIn(engine, 'orders')).toEqual([0, 1, 2, 3])
  })

  test('goes on with no file that was changed where it goes on', async () => {
    const engine = testEngine()
    const file = await beginImport(engine, line(0) + line(1))
    writeFileSync(file, line(0) + line(7))
    const { code, stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect([code, stderr]).toEqual([2, expect.stringContaining('was changed since its import began')])
    expect(await idsIn(engine, 'orders')).toEqual([0, 1])
    const progress = JSON.parse(readFileSync(`${file}.import-progress`, 'utf8'))
    writeFileSync(`${file}.import-progress`, JSON.stringify({ ...progress, bytes: 5 }))
    const within = await runCommand(['import', 'orders', '-i', file], { engine })
    expect([within.code, within.stderr]).toEqual([2, expect.stringContaining('was changed since its import began')])
    expect(await idsIn(engine, 'orders')).toEqual([0, 1])
  })

  test('that goes on names the lines as the file has them', async () => {
    const engine = testEngine()
    await runCommand(['create', 'orders'], { engine })
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    writeFileSync(file, `\n${numbers(30).map(line).join('')}none\n`)
    const failing = targetWith(engine, (operation, call) => operation === 'publishMessages' && call === 2 && broken())
    await runCommand(['import', 'orders', '-i', file], { engine, target: failing })
    const { stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect(stderr).toContain('line 32: refused')
  })

  test('warns of second copies where the clock was set back', async () => {
    const engine = testEngine()
    const file = await beginImport(engine, line(0))
    const now = () => engine.clock.now() - 3_600_000
    const { stderr } = await runCommand(['import', 'orders', '-i', file], { engine, now })
    expect(stderr).toContain('may be stored twice')
  })

  test('says that messages may be there twice where it goes on too late to know', async () => {
    const engine = await withMessages(60)
    const file = await exported(engine)
    const failing = targetWith(engine, (operation, call) => operation === 'publishMessages' && call === 2 && broken())
    await runCommand(['import', 'orders', '-i', file], { engine, target: failing })
    await engine.clock.advance(600_000)
    const { stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect(stderr).toContain('up to 25 messages may be stored twice')
  })

  test('loses no line that is refused', async () => {
    const engine = testEngine()
    await runCommand(['create', 'orders', 'maximumMessageBytes=1024'], { engine })
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    const large = JSON.stringify({ body: 'x'.repeat(3_000) })
    writeFileSync(file, `{"body":{"id":0}}\nnot json\n${large}\n{"body":{"id":1}}\n`)
    const { code, records, stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect([code, records]).toEqual([1, [{ imported: 2, refused: 2, complete: true }]])
    expect(stderr).toContain('line 2: refused: it is no JSON object')
    const refused = readFileSync(`${file}.refused`, 'utf8').trim().split('\n')
    expect(refused.map((line) => JSON.parse(line).line)).toEqual(['not json', large])
    expect(await idsIn(engine, 'orders')).toEqual([0, 1])
  })

  test('takes what an export pipes in', async () => {
    const engine = await withMessages(60)
    const { stdout } = await runCommand(['export', 'orders'], { engine })
    await runCommand(['create', 'copy'], { engine })
    expect(await runCommand(['import', 'copy'], { engine, stdin: stdout })).toMatchObject({ code: 0 })
    expect(await idsIn(engine, 'copy')).toEqual(numbers(60))
  })

  test('refuses a line that is not UTF-8, and imports those beside it', async () => {
    const engine = await withMessages(0)
    const file = join(await temporaryDirectory(), 'orders.ndjson')
    writeFileSync(file, Buffer.from('{"body":{"id":0}}\n{"body":"\xff"}\n{"body":{"id":1}}\n', 'latin1'))
    const { code, stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('line 2: refused: it is not UTF-8'),
    })
    expect(await idsIn(engine, 'orders')).toEqual(numbers(2))
  })

  test('does not take a file that was cut for one that is imported', async () => {
    const engine = await withMessages(1)
    const file = await exported(engine)
    const progress = {
      queue: 'orders',
      run: '019ca945-0a00-4000-801b-ff0fd396070b',
      bytes: 9_999,
      lines: 9,
      count: 9,
      refused: 0,
    }
    writeFileSync(`${file}.import-progress`, JSON.stringify(progress))
    const { code, stderr } = await runCommand(['import', 'orders', '-i', file], { engine })
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('shorter than its progress says'),
    })
  })

  test('is used wrongly without a file, or for another queue than it began with', async () => {
    const engine = await withMessages(60)
    const file = await exported(engine)
    expect(await runCommand(['import', 'orders', '-i', `${file}.none`], { engine })).toMatchObject({ code: 2 })
    writeFileSync(
      `${file}.import-progress`,
      JSON.stringify({ queue: 'other', run: 'r', bytes: 0, count: 0, refused: 0 }),
    )
    expect(await runCommand(['import', 'orders', '-i', file], { engine })).toMatchObject({ code: 2 })
    truncateSync(`${file}.import-progress`, 3)
    expect(await runCommand(['import', 'orders', '-i', file], { engine })).toMatchObject({ code: 2 })
  })
})

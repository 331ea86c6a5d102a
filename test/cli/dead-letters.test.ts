import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { Target } from '../../cli/target/target.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

/** A queue whose messages are dead letters: `count` of one reason, and one of another; the bodies are numbered. */
const withDeadLetters = async (count = 3): Promise<TestEngine> => {
  const engine = testEngine()
  await runCommand(['create', 'failed'], { engine })
  await runCommand(['create', 'orders', 'deadLetter=failed:3'], { engine })
  const lines = Array.from({ length: count + 1 }, (_, id) => JSON.stringify({ body: { id, total: String(id * 10) } }))
  await runCommand(['send', 'orders'], { engine, stdin: lines.join('\n') })
  for (let left = count + 1; left > 0; ) {
    const { records } = await runCommand(['receive', 'orders', '-n', '25'], { engine })
    left -= records.length
    for (const reason of ['timeout', 'no such customer']) {
      const some = records.filter(({ body }) => (body.id === count) === (reason !== 'timeout'))
      const stdin = some.map((message) => JSON.stringify(message)).join('\n')
      if (some.length > 0) await runCommand(['nack', 'orders', '--reason', reason], { engine, stdin })
    }
  }
  return engine
}

const idsIn = async (engine: TestEngine, queue: string): Promise<number[]> =>
  (await runCommand(['peek', queue, '--all'], { engine })).records.map(({ body }) => body.id).sort((a, b) => a - b)

describe('holdfast dead', () => {
  test.each(['failed', 'orders'])('groups dead letters by their reason, named by the queue %s', async (name) => {
    const engine = await withDeadLetters()
    const { records } = await runCommand(['dead', name, '--group-by', 'reason'], { engine })
    expect(records).toMatchObject([
      { reason: 'timeout', count: 3 },
      { reason: 'no such customer', count: 1 },
    ])
    expect((await runCommand(['dead', name], { engine })).records).toHaveLength(4)
  })

  test('groups by an expression of jq', async () => {
    const engine = await withDeadLetters()
    const { records } = await runCommand(['dead', 'orders', '--group-by', '.body.id % 2'], { engine })
    expect(records).toMatchObject([
      { key: 0, count: 2 },
      { key: 1, count: 2 },
    ])
  })

  test('means the dead letters of one queue where it is named, though others share the dead-letter queue', async () => {
    const engine = await withDeadLetters(1)
    await runCommand(['create', 'jobs', 'deadLetter=failed:3'], { engine })
    await runCommand(['send', 'jobs', 'x'], { engine })
    const [job] = (await runCommand(['receive', 'jobs'], { engine })).records
    await runCommand(['nack', 'jobs', job.receiptHandle, '--dead-letter'], { engine })
    expect((await runCommand(['dead', 'jobs'], { engine })).records).toHaveLength(1)
    expect((await runCommand(['dead', 'failed'], { engine })).records).toHaveLength(3)
  })

  test('is used wrongly for a queue without dead letters', async () => {
    const engine = testEngine()
    await runCommand(['create', 'plain'], { engine })
    expect(await runCommand(['dead', 'plain'], { engine })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('neither is a dead-letter queue nor has one'),
    })
  })
})

describe('holdfast redrive', () => {
  test('sends all back to where they failed', async () => {
    const engine = await withDeadLetters()
    const { code, records, stderr } = await runCommand(['redrive', 'failed'], { engine })
    expect(code).toBe(0)
    expect(records).toMatchObject([{ state: 'completed', moved: 4 }])
    expect(stderr).toMatch(
      /^4 messages moved out of failed\nTo undo it: holdfast redrive failed --table memory --undo [0-9a-f-]{36}\n$/,
    )
    expect(await idsIn(engine, 'orders')).toEqual([0, 1, 2, 3])
  })

  test('moves nothing in a dry run', async () => {
    const engine = await withDeadLetters()
    const dry = await runCommand(['redrive', 'orders', '--dry-run', '--where', '.body.id > 0'], { engine })
    expect(dry.records).toHaveLength(3)
    expect(dry.stderr).toBe('3 messages would be moved; nothing was\n')
    expect(await idsIn(engine, 'failed')).toEqual([0, 1, 2, 3])
  })

  test('sends those that are selected, of more than one task takes', async () => {
    const engine = await withDeadLetters(1_100)
    const args = ['redrive', 'orders', '--where', '.deadLetter.reason == "timeout"']
    const { code, records, stderr } = await runCommand(args, { engine })
    expect([code, records.map(({ moved }) => moved)]).toEqual([0, [1_000, 100]])
    expect(stderr).toMatch(
      /^1100 of 1,100 selected messages moved out of failed\nTo undo it: .* --undo \S{36} \S{36}\n$/,
    )
    expect(await idsIn(engine, 'failed')).toEqual([1_100])
  })

  test('sends to another queue', async () => {
    const engine = await withDeadLetters()
    await runCommand(['create', 'quarantine'], { engine })
    await runCommand(['redrive', 'orders', '--to', 'quarantine'], { engine })
    expect(await idsIn(engine, 'quarantine')).toEqual([0, 1, 2, 3])
  })

  test('edits on the way, and keeps the ids', async () => {
    const engine = await withDeadLetters()
    const [before] = (await runCommand(['peek', 'failed', '--where', '.body.id == 2'], { engine })).records
    const args = ['redrive', 'orders', '--edit', '.body.total |= tonumber']
    expect(await runCommand(args, { engine })).toMatchObject({ code: 0, records: [{ moved: 4, failed: 0, left: 0 }] })
    const { records } = await runCommand(['peek', 'orders', '--where', '.body.id == 2'], { engine })
    expect(records).toMatchObject([{ messageId: before.messageId, body: { id: 2, total: 20 }, receiveCount: 0 }])
    expect(await idsIn(engine, 'failed')).toEqual([])
  })

  test('leaves what an edit does not fit, and says why', async () => {
    const engine = await withDeadLetters()
    const args = ['redrive', 'orders', '--edit', 'if .body.id == 1 then error("odd") else .body.id |= . + 100 end']
    const { code, stderr, records } = await runCommand(args, { engine })
    expect([code, records]).toMatchObject([1, [{ moved: 3, failed: 1 }]])
    expect(stderr).toContain('not moved: odd')
    expect(await idsIn(engine, 'failed')).toEqual([1])
    expect(await idsIn(engine, 'orders')).toEqual([100, 102, 103])
  })

  test.each([
    ['.messageId = "other"', "messageId can't be edited: only body and attributes can"],
    ['.body', 'the edit must make a message'],
    ['del(.body)', 'the edit must leave a body'],
    ['empty', 'made 0 values'],
  ])('refuses the edit %s, which would lose something', async (edit, words) => {
    const engine = await withDeadLetters(0)
    const text = edit === '.body' ? '.body.total' : edit
    const { code, stderr } = await runCommand(['redrive', 'orders', '--edit', text], { engine })
    expect(code).toBe(1)
    expect(stderr).toContain(words)
    expect(await idsIn(engine, 'failed')).toEqual([0])
  })

  test("edits by a module's default export", async () => {
    const engine = await withDeadLetters(0)
    const file = join(await temporaryDirectory(), 'fix.mjs')
    writeFileSync(file, 'export default (message) => ({ ...message, body: { fixed: message.body.id } })\n')
    expect(await runCommand(['redrive', 'orders', '--edit', file], { engine })).toMatchObject({ code: 0 })
    expect((await runCommand(['peek', 'orders'], { engine })).records).toMatchObject([{ body: { fixed: 0 } }])
    expect(await runCommand(['redrive', 'orders', '--edit', './no-such.mjs'], { engine })).toMatchObject({ code: 2 })
  })

  test('stops at Ctrl-C between messages, and says how far it got: each is in exactly one queue', async () => {
    const engine = await withDeadLetters(60)
    let press = () => {}
    const target = pressingAfter(engine, 'resendMessage', 20, () => press())
    const { code, records, stderr } = await runCommand(['redrive', 'orders', '--edit', '.body.again = true'], {
      engine,
      target,
      interrupt: (pressed) => {
        press = pressed
      },
    })
    const [{ moved, left }] = records
    expect(code).toBe(1)
    expect(moved + left).toBe(61)
    expect(moved).toBeGreaterThanOrEqual(20)
    expect(left).toBeGreaterThan(0)
    expect(stderr).toContain(`interrupted: ${left} were not tried, and are still there`)
    const [there, back] = [await idsIn(engine, 'failed'), await idsIn(engine, 'orders')]
    expect([there.length, back.length]).toEqual([left, moved])
    expect([...there, ...back].sort((a, b) => a - b)).toEqual(Array.from({ length: 61 }, (_, id) => id))
  })

  test('cancels its task at Ctrl-C, and tells its last count', async () => {
    const engine = await withDeadLetters(200)
    let press = () => {}
    const target = pressingAfter(engine, 'startRedrive', 1, () => press())
    const { code, records, stderr } = await runCommand(['redrive', 'orders'], {
      engine,
      target,
      interrupt: (pressed) => {
        press = pressed
      },
    })
    const [task] = records
    const back = await idsIn(engine, 'orders')
    expect(back.length).toBe(task.moved)
    if (task.state === 'cancelled') {
      expect(code).toBe(1)
      expect(stderr).toContain(`interrupted: ${task.moved} message`)
    }
    expect((await idsIn(engine, 'failed')).length + back.length).toBe(201)
  })
})

describe('holdfast redrive --undo', () => {
  test('moves back what nobody received, and tells the rest in numbers', async () => {
    const engine = await withDeadLetters()
    await runCommand(['redrive', 'orders'], { engine })
    const [first] = (await runCommand(['receive', 'orders', '-n', '1'], { engine })).records
    await runCommand(['ack', 'orders', first.receiptHandle], { engine })
    await runCommand(['receive', 'orders', '-n', '1'], { engine })
    const dry = await runCommand(['redrive', 'orders', '--undo', '--dry-run'], { engine })
    expect(dry).toMatchObject({ code: 0, records: [{ returning: 2, received: 1, gone: 1 }] })
    const named = /^the latest redrive of orders began at \S+Z and moved 4 messages\n/
    expect(dry.stderr).toMatch(named)
    expect(dry.stderr.replace(named, '')).toBe(
      '2 messages would go back to failed from orders; 1 received since stays; 1 is gone; nothing was moved\n',
    )
    const { code, records, stderr } = await runCommand(['redrive', 'orders', '--undo'], { engine })
    expect([code, records]).toMatchObject([0, [{ state: 'completed', moved: 2, received: 1, gone: 1 }]])
    expect(stderr.replace(named, '')).toBe('2 messages went back to failed; 1 received since stays; 1 is gone\n')
    expect(await idsIn(engine, 'failed')).toHaveLength(2)
  })

  test('means the redrives that are named, and of a queue the latest one of its own', async () => {
    const engine = await withDeadLetters(1_100)
    const args = ['redrive', 'orders', '--where', '.deadLetter.reason == "timeout"']
    const { stderr } = await runCommand(args, { engine })
    const [, command = ''] = /To undo it: holdfast (.*)\n/.exec(stderr) ?? []
    const { records } = await runCommand(command.split(' '), { engine })
    expect(records.map(({ moved }) => moved)).toEqual([1_000, 100])
    expect(await idsIn(engine, 'failed')).toHaveLength(1_101)
    await runCommand(['create', 'jobs', 'deadLetter=failed:3'], { engine })
    expect(await runCommand(['redrive', 'jobs', '--undo'], { engine })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no redrive of jobs'),
    })
  })

  test('gets the ids of a redrive that Ctrl-C ended, and alone passes over one that found nothing', async () => {
    const engine = await withDeadLetters(1_100)
    const target = inProcessTarget({ engine, name: 'memory', options: '' })
    let press = () => {}
    const { code, stderr } = await runCommand(['redrive', 'orders', '--where', '.deadLetter.reason == "timeout"'], {
      engine,
      // Pressed once the first of two tasks has ended.
      target: {
        ...target,
        call: async (called, parts) => {
          const answer = await target.call(called, parts)
          if (called === 'getRedrive' && (answer as { state: string }).state === 'completed') press()
          return answer
        },
      },
      interrupt: (pressed) => {
        press = pressed
      },
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^interrupted: 1000 of 1,100 selected messages moved .*\nTo undo it: holdfast redrive failed --undo \S{36}\n$/,
    )
    await engine.clock.advance(1_000)
    await runCommand(['redrive', 'orders'], { engine })
    await engine.clock.advance(1_000)
    expect((await runCommand(['redrive', 'orders'], { engine })).records).toMatchObject([{ moved: 0 }])
    expect((await runCommand(['redrive', 'orders', '--undo'], { engine })).records).toMatchObject([{ moved: 101 }])
  })

  test('goes with no selection, edit or other queue', async () => {
    const engine = await withDeadLetters()
    for (const other of [['--edit', '.'], ['--to', 'orders'], ['--where', '.'], ['--cancel']]) {
      expect((await runCommand(['redrive', 'orders', '--undo', ...other], { engine })).code).toBe(2)
    }
  })
})

/** A target that presses a key when an operation has been answered so often. */
const pressingAfter = (engine: TestEngine, operation: string, count: number, press: () => void): Target => {
  const target = inProcessTarget({ engine, name: 'memory', options: '' })
  let answered = 0
  return {
    ...target,
    call: async (called, parts) => {
      const answer = await target.call(called, parts)
      if (called === operation && ++answered === count) press()
      return answer
    },
  }
}

describe('holdfast resend', () => {
  test('sends one dead letter again, named by either queue, as it is or edited', async () => {
    const engine = await withDeadLetters()
    const dead = (await runCommand(['peek', 'failed'], { engine })).records
    await runCommand(['resend', 'orders', dead[0].messageId], { engine })
    await runCommand(['resend', 'failed', dead[1].messageId, '--body', '{"id":7}'], { engine })
    await runCommand(['resend', 'orders', dead[2].messageId, '--edit', '.body.id = 8'], { engine })
    await runCommand(['resend', 'orders', dead[3].messageId, '--edit', '.attributes.by = "hand"'], { engine })
    const { records } = await runCommand(['peek', 'orders'], { engine })
    const byId = new Map(records.map((message) => [message.messageId, message]))
    expect(byId.get(dead[0].messageId)).toMatchObject({ body: dead[0].body })
    expect(byId.get(dead[1].messageId).body).toEqual({ id: 7 })
    expect(byId.get(dead[2].messageId).body).toEqual({ ...dead[2].body, id: 8 })
    expect(byId.get(dead[3].messageId)).toMatchObject({ body: dead[3].body, attributes: { by: 'hand' } })
    expect(records.map(({ deadLetter }) => deadLetter)).toEqual([undefined, undefined, undefined, undefined])
  })

  test('refuses an edit that the queue does not take, and the message stays', async () => {
    const engine = await withDeadLetters(0)
    await runCommand(['set', 'orders', 'maximumMessageBytes=1024'], { engine })
    const [dead] = (await runCommand(['peek', 'failed'], { engine })).records
    const refused = await runCommand(['resend', 'orders', dead.messageId, '--body', 'x'.repeat(2_000)], { engine })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('takes up to 1024') })
    expect(await idsIn(engine, 'failed')).toEqual([0])
  })
})

test('an edit that takes the attributes away is kept', async () => {
  const engine = testEngine()
  await runCommand(['create', 'failed'], { engine })
  await runCommand(['create', 'orders', 'deadLetter=failed:3'], { engine })
  await runCommand(['send', 'orders', 'x', '--attribute', 'tenant=a'], { engine })
  const [message] = (await runCommand(['receive', 'orders'], { engine })).records
  await runCommand(['nack', 'orders', message.receiptHandle, '--dead-letter'], { engine })
  await runCommand(['redrive', 'failed', '--edit', 'del(.attributes)'], { engine })
  const [sent] = (await runCommand(['peek', 'orders'], { engine })).records
  expect([sent.messageId, sent.attributes]).toEqual([message.messageId, {}])
})

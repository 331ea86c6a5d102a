import { describe, expect, test } from 'vitest'
import { publish } from '../../lib/publish/publish.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { type Ran, runCommand } from './command.ts'

/** Starts a command of a terminal, as two characters and as one. */
const HOSTILE = '\x1b]0;owned\x07\x9b2J'

/** Whether a text holds the hostile part as it was; colours and progress bars of the command itself steer too. */
const steers = (text: string): boolean => ['\x1b]', '\x07', '\x9b'].some((part) => text.includes(part))

const expectHarmless = ({ stdout, stderr }: Ran): void => {
  expect(steers(stdout), JSON.stringify(stdout)).toBe(false)
  expect(steers(stderr), JSON.stringify(stderr)).toBe(false)
  expect(stdout + stderr).toMatch(/owned/)
}

const withDeadLetter = async (): Promise<{ engine: TestEngine; id: string }> => {
  const engine = testEngine()
  await runCommand(['create', 'failed'], { engine })
  await runCommand(['create', 'orders', 'deadLetter=failed:3'], { engine })
  await publish(engine, 'orders', [{ body: HOSTILE }])
  const [message] = (await runCommand(['receive', 'orders'], { engine })).records
  await runCommand(['nack', 'orders', message.receiptHandle, '--reason', HOSTILE], { engine })
  return { engine, id: message.messageId }
}

describe('what steers a terminal is shown, and not sent to it', () => {
  test.each([
    ['show', 'orders'],
    ['watch', 'orders'],
    ['show', 'failed'],
  ])('by %s of a dead letter of %s, whose reason is a consumer’s text', async (verb, queue) => {
    const { engine, id } = await withDeadLetter()
    expectHarmless(await runCommand([verb, queue, id], { engine, terminal: true }))
  })

  test('in names of attributes, and in values that read as an instant', async () => {
    const engine = testEngine()
    await runCommand(['create', 'orders'], { engine })
    const attribute = { dataType: 'String', value: `2020-01-01 (${HOSTILE})` }
    await publish(engine, 'orders', [{ body: 'x', attributes: { [HOSTILE]: attribute, seenAt: attribute } }])
    expectHarmless(await runCommand(['peek', 'orders', '--full'], { engine, terminal: true }))
  })

  test('in tags of a queue', async () => {
    const engine = testEngine()
    const ran = await runCommand(['create', 'orders', `tags.${HOSTILE}=${HOSTILE}`], { engine, terminal: true })
    expectHarmless(ran)
  })

  test('in what an edit makes, and in why it failed', async () => {
    const { engine } = await withDeadLetter()
    const edits = ['.body += "!"', 'error(.body)']
    for (const edit of edits) {
      const args = ['redrive', 'failed', '--edit', edit, ...(edit.startsWith('error') ? [] : ['--dry-run'])]
      expectHarmless(await runCommand(args, { engine, terminal: true }))
    }
  })

  test('in the reason for which a command fails', async () => {
    const { engine, id } = await withDeadLetter()
    expectHarmless(await runCommand(['resend', 'failed', id, '--edit', 'error(.body)'], { engine, terminal: true }))
  })

  test('in JSON, which says the same as before', async () => {
    const { engine } = await withDeadLetter()
    const ran = await runCommand(['peek', 'failed', '--json'], { engine, terminal: true })
    expectHarmless(ran)
    expect(ran.records).toMatchObject([{ body: HOSTILE, deadLetter: { reason: HOSTILE } }])
  })
})

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { VERBS } from '../../cli/verbs.ts'
import { engineWithQueue } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

const NAMES = VERBS.map(({ syntax }) => syntax.split(' ')[0] ?? '')

describe('the help', () => {
  test('lists every verb, in groups', async () => {
    const { code, stdout } = await runCommand(['--help'])
    expect(code).toBe(0)
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect([...stdout.matchAll(/^([A-Z][a-z ]+):$/gm)].map(([, group]) => group)).toEqual([
      'Options',
      'Look',
      'Queues',
      'Messages',
      'Dead letters',
      'Whole queues',
      'Other',
      'Commands',
      'Start here',
    ])
  })

  test('says where options belong that precede the command', async () => {
    const { code, stderr } = await runCommand(['--url', 'http://127.0.0.1:9324', 'queues'])
    expect(code).toBe(2)
    expect(stderr).toBe(
      "holdfast: unknown option '--url'\n(options come after the command: holdfast queues --json; --help shows the commands)\n",
    )
  })

  test.each(NAMES)('of %s has examples, which are commands that the command line takes', async (name) => {
    const { code, stdout } = await runCommand([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Examples:\n {2}\S/)
    const [, examples = ''] = stdout.split('Examples:\n')
    expect(examples).toContain(`holdfast ${name}`)
    for (const [, verb = ''] of examples.matchAll(/holdfast ([a-z]+)/g)) expect(NAMES).toContain(verb)
  })

  test('of a verb fits one style: a summary is a phrase, an effect has no full stop', () => {
    for (const { summary, examples } of VERBS) {
      expect(summary).toMatch(/^[a-z].*[^.]$/)
      for (const [, effect] of examples) expect(effect).not.toMatch(/\.$/)
    }
  })
})

describe('the completion', () => {
  const complete = async (...words: string[]) =>
    (await runCommand(['__complete', ...words], { engine: await engineWithQueue() })).stdout.split('\n').filter(Boolean)

  test('offers commands, options and queues', async () => {
    expect(await complete('que')).toEqual(['queues', 'queue'])
    expect(await complete('peek', '--st')).toEqual(['--state'])
    expect(await complete('peek', 'or')).toEqual(['orders'])
    expect(await complete('peek', 'x')).toEqual([])
    expect(await complete('show', 'orders', '')).toEqual([])
    expect(await complete('nonsense', '')).toEqual([])
    expect(await complete('help', 'redr')).toEqual(['redrive'])
  })

  test('never fails where no queues can be asked', async () => {
    const env = { HOLDFAST_URL: 'http://127.0.0.1:9' }
    expect(await runCommand(['__complete', 'peek', ''], { env })).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  test('is a script that bash takes', async () => {
    const { code, stdout } = await runCommand(['completion', 'bash'])
    expect(code).toBe(0)
    const script = `holdfast() { echo "$*" >&2; echo orders; }\n${stdout}\nCOMP_WORDS=(holdfast peek o) COMP_CWORD=2 _holdfast; echo "$COMPREPLY"`
    expect((await promisify(execFile)('bash', ['-c', script])).stdout).toBe('orders\n')
    expect(await runCommand(['completion', 'tcsh'])).toMatchObject({ code: 2 })
  })
})

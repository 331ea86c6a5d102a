import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keyRing, keysInFile, parseKeys } from '../../../functions/sqs/keys.ts'
import { manualClock } from '../../support/manual-clock.ts'

const key = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 'sixteen-characters' })
const text = (...ids: string[]) => JSON.stringify({ keys: ids.map(key) })

describe('parseKeys', () => {
  test('reads what the operator wrote', () => {
    const full = {
      ...key('HF1'),
      accountId: '111122223333',
      permissions: [{ actions: ['sqs:SendMessage', 'sqs:*'], queues: ['orders*'] }],
    }
    expect(parseKeys(JSON.stringify({ keys: [full, key('HF2')] }))).toEqual(
      new Map([
        ['HF1', full],
        ['HF2', key('HF2')],
      ]),
    )
  })

  test('passes over the mark with which some editors begin a file', () => {
    expect(parseKeys(`\uFEFF${text('HF1')}`).get('HF1')).toEqual(key('HF1'))
  })

  test.each([
    ['{', 'the document of the keys is not valid JSON (line 1, column 2)'],
    ['{"keys":[\n{"accessKeyId":"HF1",}]}', 'keys[0] is not valid JSON (line 2, column 22)'],
    [
      '{"keys":[{"accessKeyId":"HF1","permissions":[],\n "permissions":null}]}',
      'keys[0].permissions is there twice (line 2, column 2)',
    ],
    ['{"keys":[],"default":{}}', 'the document of the keys has an unknown member default: it takes keys, comment'],
    ['[]', 'the keys must be an object with an array "keys"'],
    ['null', 'the keys must be an object with an array "keys"'],
    ['{"keys":[7]}', 'keys[0] must be an object'],
    [{ accessKeyId: 'a b' }, 'keys[0].accessKeyId must be 3 to 128 letters, digits, hyphens or underscores'],
    [{ secretAccessKey: 'short' }, 'keys[0].secretAccessKey must have at least 16 characters'],
    [{ accountId: 111122223333 }, 'keys[0].accountId must be a string of 12 digits'],
    [
      { permisions: [] },
      'keys[0] has an unknown member permisions: it takes accessKeyId, secretAccessKey, accountId, permissions, comment',
    ],
    [{ permissions: null }, 'keys[0].permissions must be an array'],
    [{ permissions: {} }, 'keys[0].permissions must be an array'],
    [
      { permissions: [{ actions: 'sqs:*', queues: ['*'] }] },
      'keys[0].permissions[0] must have arrays of strings "actions" and "queues"',
    ],
    [
      { permissions: [{ actions: ['SendMessage'], queues: ['*'] }] },
      'keys[0].permissions[0].actions[0] SendMessage must be sqs: and an action of SQS, with * and ? where needed',
    ],
    [
      { permissions: [{ actions: ['sqs:*', 'sqs:SendMessageBatch'], queues: ['*'] }] },
      'keys[0].permissions[0].actions[1] sqs:SendMessageBatch must be sqs: and an action of SQS, with * and ? where needed (a batch needs the permission of its single action)',
    ],
    [
      { permissions: [{ actions: ['*'], queues: ['https://sqs.us-east-1.amazonaws.com/000000000000/orders'] }] },
      "keys[0].permissions[0].queues[0] https://sqs.us-east-1.amazonaws.com/000000000000/orders must be a queue's name or ARN, with * and ? where needed",
    ],
    [{ permissions: ['sqs:*'] }, 'keys[0].permissions[0] must be an object'],
    [text('HF1', 'HF1'), 'keys[1].accessKeyId HF1 is there twice'],
  ])('refuses %j', (given, message) => {
    const written = typeof given === 'string' ? given : JSON.stringify({ keys: [{ ...key('HF1'), ...given }] })
    expect(() => parseKeys(written)).toThrow(new Error(message))
  })
})

describe('a permission', () => {
  const withMember = (name: string, value: unknown) =>
    JSON.stringify({
      keys: [
        key('HF1'),
        {
          ...key('HF2'),
          permissions: [
            { actions: ['*'], queues: ['*'] },
            { actions: ['*'], queues: ['*'], [name]: value },
          ],
        },
      ],
    })

  test('with all required members and a comment is read', () => {
    expect(parseKeys(withMember('comment', 'the shop')).get('HF2')?.permissions).toHaveLength(2)
  })

  test.each([
    ['effect', 'Deny'],
    ['Effect', 'Deny'],
    ['condition', { Bool: { 'aws:SecureTransport': 'true' } }],
    ['queue', 'orders'],
    ['Queues', ['orders']],
    ['action', 'sqs:SendMessage'],
    ['constructor', 'x'],
  ])('with a member %s is refused with its place', (name, value) => {
    expect(() => parseKeys(withMember(name, value))).toThrow(
      new Error(`keys[1].permissions[1] has an unknown member ${name}: it takes actions, queues, comment`),
    )
  })

  test("an error about a document that can't be read contains no secret", () => {
    const document = withMember('comment', 'x')
    for (let end = 1; end < document.length; end++) {
      let message = ''
      try {
        parseKeys(document.slice(0, end))
      } catch (error) {
        message = String(error)
      }
      expect(message).toMatch(/ is not valid JSON \(line 1, column \d+\)$/)
      expect(message).not.toContain('sixteen-characters')
    }
  })
})

describe('keyRing', () => {
  test('lets a new key in within a second, and a revoked one out within ten', async () => {
    const clock = manualClock()
    let written = text('HF1')
    const ring = keyRing({ load: async () => written, clock })
    expect(await ring.find('HF1')).toEqual(key('HF1'))
    written = text('HF2')
    await clock.advance(1_000)
    expect(await ring.find('HF2')).toEqual(key('HF2'))
    expect(await ring.find('HF1')).toBeUndefined()
    written = text()
    await clock.advance(9_999)
    expect(await ring.find('HF2')).toEqual(key('HF2'))
    await clock.advance(1)
    expect(await ring.find('HF2')).toBeUndefined()
  })

  test('loads the keys for unknown key ids once a second, whatever the caller', async () => {
    const clock = manualClock()
    let loads = 0
    const ring = keyRing({ load: async () => text(...(loads++ === 0 ? [] : ['never'])), clock })
    await Promise.all(['a', 'b', 'c'].map((id) => ring.find(id)))
    await ring.find('d')
    expect(loads).toBe(1)
  })

  test('keeps its keys while the file is malformed, and reports that', async () => {
    const clock = manualClock()
    const failures: unknown[] = []
    let written = text('HF1')
    const ring = keyRing({ load: async () => written, clock, failed: (error) => failures.push(error) })
    await ring.find('HF1')
    written = '{'
    await clock.advance(10_000)
    expect(await ring.find('HF1')).toEqual(key('HF1'))
    expect(failures).toEqual([new Error('the document of the keys is not valid JSON (line 1, column 2)')])
  })

  test('lets nobody in before it has keys', async () => {
    const ring = keyRing({ load: () => Promise.reject(new Error('no such file')), clock: manualClock() })
    await expect(ring.find('HF1')).rejects.toMatchObject({ shape: 'ServiceUnavailable' })
  })

  test('reads a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-keys-'))
    const file = join(directory, 'keys.json')
    await writeFile(file, text('HF1'))
    expect(await keyRing({ load: keysInFile(file) }).find('HF1')).toEqual(key('HF1'))
    await rm(directory, { recursive: true })
  })
})

import { CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseOptions } from '../../../functions/local/options.ts'

let output: string
beforeEach(() => {
  output = ''
  const keep = (text: string | Uint8Array) => {
    output += String(text)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(keep)
  vi.spyOn(process.stderr, 'write').mockImplementation(keep)
})
afterEach(() => vi.restoreAllMocks())

const exitCode = (...args: string[]): number => {
  try {
    parseOptions(args)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    throw error
  }
  throw new Error(`${args.join(' ')} was accepted`)
}

describe('the command line of the local server', () => {
  test('has defaults for all that it does not mention', () => {
    expect(parseOptions([])).toEqual({
      port: 9324,
      host: '127.0.0.1',
      allowedHost: [],
      memory: false,
      sync: false,
      migrate: false,
      httpOpen: false,
      cooldowns: false,
      regions: false,
      verbose: false,
      trigger: [],
    })
  })

  test('sets everything', () => {
    const args =
      '-p 0 --host ::1 --allowed-host a --allowed-host b.c --data d --engine disk --sync --auth f --queues q.json --trigger a=./a.mjs --trigger b=./b.ts --http-open --cooldowns --regions --verbose'
    expect(parseOptions(args.split(' '))).toEqual({
      port: 0,
      host: '::1',
      allowedHost: ['a', 'b.c'],
      data: 'd',
      memory: false,
      engine: 'disk',
      sync: true,
      migrate: false,
      auth: 'f',
      queues: 'q.json',
      httpOpen: true,
      cooldowns: true,
      regions: true,
      verbose: true,
      trigger: ['a=./a.mjs', 'b=./b.ts'],
    })
  })

  test('takes along what the embedded engine has kept, to disk alone', () => {
    expect(parseOptions(['--data', 'd', '--migrate'])).toMatchObject({ data: 'd', migrate: true })
  })

  test('still takes --no-cooldowns, which is what happens without it', () => {
    expect(parseOptions(['--no-cooldowns']).cooldowns).toBe(false)
  })

  test.each([
    [['--memory', '--data', 'd'], "holdfast: option '--memory' cannot be used with option '--data <directory>'"],
    [['--memroy'], "holdfast: unknown option '--memroy'\n(Did you mean --memory?)"],
    [['--port', 'http'], "argument 'http' is invalid. It must be a number from 0 to 65535."],
    [['--port', '65536'], 'It must be a number from 0 to 65535.'],
    [['--port', '-1'], 'It must be a number from 0 to 65535.'],
    [['--port', ''], 'It must be a number from 0 to 65535.'],
    [['--port'], 'argument missing'],
    [['--host', 'http://localhost'], 'without a scheme and without a port'],
    [['--allowed-host', 'queues:9324'], 'without a scheme and without a port'],
    [['--allowed-host', ''], 'without a scheme and without a port'],
    [['--data', ''], 'It must not be empty.'],
    [['--auth', ''], 'It must not be empty.'],
    [['--queues', ''], 'It must not be empty.'],
    [['orders'], 'too many arguments'],
  ])('refuses %j, and says where help is', (args, message) => {
    expect(exitCode(...args)).not.toBe(0)
    expect(output).toContain(message)
    expect(output).toContain('(--help lists the options)')
  })

  test('is explained by --help', () => {
    expect(exitCode('--help')).toBe(0)
    for (const word of [
      '--port',
      '--host',
      '--allowed-host',
      '--data',
      '--memory',
      '--auth',
      '--queues',
      '--http-open',
      '--cooldowns',
      '--regions',
      'AWS_ENDPOINT_URL_DYNAMODB',
      'HOLDFAST_TABLE',
    ]) {
      expect(output).toContain(word)
    }
    expect(output).not.toContain('--no-cooldowns')
  })
})

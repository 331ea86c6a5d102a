import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createOutput } from '../../cli/output/output.ts'

test('a stderr that nobody reads any more ends no command; any other fault of it does', () => {
  const stderr = new PassThrough()
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {}, cwd: '/' }
  createOutput({ ...io, onInterrupt: () => () => {}, leave: () => {} }, { readerGone: () => {} })
  // What a pipe does whose reader has ended. An error that is not heard is thrown, and ends the process.
  const fault = (code: string) => () => stderr.emit('error', Object.assign(new Error(code), { code }))
  expect(fault('EPIPE')).not.toThrow()
  expect(fault('EIO')).toThrow('EIO')
})

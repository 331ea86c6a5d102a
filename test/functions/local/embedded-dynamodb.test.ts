import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startEmbeddedDynamodb } from '../../../functions/local/embedded-dynamodb.ts'
import { noEmbedded } from '../../support/embedded.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

describe('the embedded DynamoDB', () => {
  test('fails where it is not installed with an error that says what to do', async () => {
    const arch = process.arch
    onTestFinished(() => void Object.defineProperty(process, 'arch', { value: arch }))
    Object.defineProperty(process, 'arch', { value: 'riscv64' })
    await expect(startEmbeddedDynamodb('unused', {})).rejects.toThrow(
      /riscv64.*linux-x64 only.*AWS_ENDPOINT_URL_DYNAMODB/s,
    )
  })

  test.skipIf(noEmbedded())("fails to start with the engine's reason", async () => {
    const file = join(await temporaryDirectory(), 'no', 'such', 'directory', 'file')
    await expect(startEmbeddedDynamodb(file, {})).rejects.toThrow(`did not start on ${file}: `)
  })
})

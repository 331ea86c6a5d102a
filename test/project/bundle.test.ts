import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const PROJECT = join(import.meta.dirname, '../..')

test('a program that only publishes carries no transactions, and stays below 130 KB', async () => {
  const { metafile } = await build({
    stdin: {
      contents: `
        import { createEngine } from './lib/engine.ts'
        import { dynamodbStore } from './lib/store/dynamodb/dynamodb-store.ts'
        import { publish } from './lib/publish/publish.ts'
        export const send = (client, body) =>
          publish(createEngine({ store: dynamodbStore({ client, table: 'holdfast' }) }), 'orders', [{ body }])`,
      resolveDir: PROJECT,
      loader: 'ts',
    },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    external: ['@aws-sdk/*', '@opentelemetry/*', 'lmdb'],
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const [output] = Object.values(metafile.outputs)
  const carried = Object.entries(output?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [file] : [],
  )
  expect(carried).toContain('lib/publish/publish.ts')
  const transactions = /^lib\/(transactions\/|client\/|store\/dynamodb\/(joint|transaction-rules))/
  expect(carried.filter((file) => transactions.test(file))).toEqual([])
  expect(output?.bytes).toBeLessThan(130_000)
})

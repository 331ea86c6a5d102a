// Bytes of bundles, minified and without the AWS SDK: what a function pays for each way to use the library.
import { build } from 'esbuild'

const bundles = {
  publish:
    "import { createEngine, dynamodbStore, publish } from 'holdfast'; export { createEngine, dynamodbStore, publish }",
  consume:
    "import { ack, createEngine, dynamodbStore, extend, nack, poll } from 'holdfast'; export { ack, createEngine, dynamodbStore, extend, nack, poll }",
  client: "import { createClient } from 'holdfast'; export { createClient }",
}
const limits = { publish: 130_000 }

for (const [name, contents] of Object.entries(bundles)) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['@aws-sdk/*'],
  })
  const bytes = outputFiles[0].contents.length
  console.log(`bundle ${name}: ${bytes} bytes`)
  if (bytes > (limits[name] ?? Number.POSITIVE_INFINITY)) throw new Error(`more than ${limits[name]} bytes`)
}

// Bytes of bundles, minified and without the AWS SDK: what a function pays for each way to use the library.
import { writeFileSync } from 'node:fs'
import { build } from 'esbuild'

const bundles = {
  publish:
    "import { createEngine, dynamodbStore, publish } from 'holdfast'; export { createEngine, dynamodbStore, publish }",
  consume:
    "import { ack, createEngine, dynamodbStore, extend, nack, poll } from 'holdfast'; export { ack, createEngine, dynamodbStore, extend, nack, poll }",
  client: "import { createClient } from 'holdfast'; export { createClient }",
}
const limits = { publish: 130_000 }

const bundled = async (contents, options = {}) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['@aws-sdk/*'],
    ...options,
  })
  return outputFiles[0].contents
}
const modules = { mainFields: ['module', 'main'] }

for (const [name, contents] of Object.entries(bundles)) {
  const bytes = (await bundled(contents)).length
  const fromModules = (await bundled(contents, modules)).length
  console.log(`bundle ${name}: ${bytes} bytes, ${fromModules} of ES modules`)
  if (bytes > (limits[name] ?? Number.POSITIVE_INFINITY)) throw new Error(`more than ${limits[name]} bytes`)
}

// By the guide, a bundle that includes the AWS SDK runs if it is made of ES modules.
writeFileSync('whole.mjs', await bundled(bundles.client, { ...modules, external: [] }))
const { createClient } = await import('./whole.mjs')
await createClient({ table: 'holdfast', region: 'us-east-1' }).close()
console.log('bundle whole: works')

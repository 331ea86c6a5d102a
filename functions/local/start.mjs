// @ts-check
// `npm start`. Runs the local server as one file: loading its three hundred files one by one would take three times as long
// until the first request is answered.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundlePath } from './bundle.mjs'

process.setSourceMapsEnabled(true)
const project = join(import.meta.dirname, '../..')
const path = await bundlePath(project, join(project, 'node_modules/.cache/holdfast'))
if (path) await import(pathToFileURL(path).href)
else {
  const { tsImport } = await import('tsx/esm/api')
  await tsImport('./main.ts', import.meta.url)
}

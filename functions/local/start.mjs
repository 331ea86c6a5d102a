// @ts-check
// `npm start`. Runs the local server as one file: with its three hundred files loaded one by one, the first request would be
// answered after three times as long.
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

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Finding } from './judge.ts'
import type { Target } from './target.ts'

const targets = readdirSync(join(import.meta.dirname, 'targets'))
  .map((file) => file.replace(/\.ts$/, ''))
  .sort()

/** Tried again one by one, so that a failure names the file: `npm run test:fuzz` keeps what it finds there. */
describe.each(targets)('the kept inputs of the fuzz target %s', (name) => {
  const corpus = join(import.meta.dirname, 'corpus', name)

  test('break no promise', async () => {
    const { fuzz } = (await import(`./targets/${name}.ts`)) as Target
    const broken: unknown[] = []
    for (const file of readdirSync(corpus)) {
      try {
        await fuzz(readFileSync(join(corpus, file)))
      } catch (error) {
        broken.push({ file, error, cause: error instanceof Finding ? error.cause : undefined })
      }
    }
    expect(broken).toEqual([])
  })
})

test('the page on fuzzing has every target, and what was found with it', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/fuzzing.md'), 'utf8')
  for (const part of page.split('## What was found'))
    expect([...part.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name).sort()).toEqual(targets)
})

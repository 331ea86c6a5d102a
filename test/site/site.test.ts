import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { httpReference, type OpenApi } from '../../site/http-reference.ts'
import { rewriteLinks } from '../../site/links.ts'
import { llmsText } from '../../site/llms.ts'
import { CHAPTERS } from '../../site/outline.ts'
import { DOCUMENTS, PROJECT } from '../docs/code-blocks.ts'

const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8')

test('every document is a page of the site, once', () => {
  expect(CHAPTERS.flatMap(({ files }) => files).sort()).toEqual([...DOCUMENTS].sort())
})

describe('links of a page', () => {
  const targets = {
    pages: new Set(['README.md', 'docs/sqs.md', 'CONTRIBUTING.md']),
    included: new Map([['docs/openapi.json', '/openapi.json']]),
    repository: 'https://example.com/repository',
  }
  const rewritten = (file: string, text: string): string => rewriteLinks(file, text, targets)

  test('lead to the pages of other documents, with their headings', () => {
    expect(rewritten('README.md', '[a](docs/sqs.md#tags), [b](CONTRIBUTING.md)')).toBe(
      '[a](/sqs.md#tags), [b](/contributing.md)',
    )
    expect(rewritten('docs/sqs.md', '[a](../README.md)')).toBe('[a](/index.md)')
  })

  test('lead to files that the site includes', () => {
    expect(rewritten('docs/sqs.md', '[a](openapi.json)')).toBe('[a](/openapi.json)')
  })

  test('lead to pictures that come with the site', () => {
    expect(rewritten('docs/sqs.md', '![a](images/a.png)')).toBe('![a](/images/a.png)')
  })

  test('lead into the repository for any other file', () => {
    expect(rewritten('docs/sqs.md', '[a](../lib/clock.ts)')).toBe(
      '[a](https://example.com/repository/blob/main/lib/clock.ts)',
    )
  })

  test('stay as they are inside the page, to other sites and in code', () => {
    const text = '[a](#tags) [b](https://example.com/x)\n```md\n[c](docs/sqs.md)\n```\n'
    expect(rewritten('README.md', text)).toBe(text)
  })
})

describe('the page of the HTTP API', () => {
  const document = JSON.parse(read('docs/openapi.json')) as OpenApi
  const page = httpReference(document)

  test('has every operation and every shape', () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual([
      ...operations.map(({ operationId }) => operationId),
      'Error codes',
      ...Object.keys(document.components.schemas),
    ])
  })

  test('has the examples, and what each error code means', () => {
    expect(page).toContain('  "maxMessages": 10')
    expect(page).toContain('| `QueueNotFound` | 404 | There is no queue of this name. |')
  })

  test('has every field of every shape, with its bounds and whether it is needed', () => {
    const small = httpReference({
      paths: {},
      components: {
        schemas: {
          Small: {
            type: 'object',
            required: ['count'],
            properties: {
              count: { type: 'integer', minimum: 1, maximum: 10_000, default: 5, description: 'How many <b>, {x}' },
              names: { type: 'array', items: { $ref: '#/components/schemas/Name' }, maxItems: 3 },
            },
          },
        },
      },
    })
    expect(small).toContain('| `count` | integer | yes | How many &lt;b>, &#123;x}. 1 to 10,000. Default `5`. |')
    expect(small).toContain('| `names` | list of [Name](#name) |  | At most 3 elements. |')
  })
})

test('llms.txt has a line with a first sentence for each page', () => {
  const lines = llmsText(CHAPTERS, read).split('\n')
  for (const { files } of CHAPTERS) {
    for (const file of files) {
      const page = file === 'README.md' ? '/index.md' : `/${file.replace(/^docs\//, '').toLowerCase()}`
      expect(lines.filter((line) => line.includes(`](${page}): `) && /\): [A-Z`*].*\.$/.test(line))).toHaveLength(1)
    }
  }
})

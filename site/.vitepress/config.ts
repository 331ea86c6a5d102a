import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { titleOf } from '../llms.ts'
import { CHAPTERS, pageOf } from '../outline.ts'

const PROJECT = join(import.meta.dirname, '../..')
const titled = (file: string) => ({
  text: file === 'README.md' ? 'Holdfast' : titleOf(readFileSync(join(PROJECT, file), 'utf8')),
  link: `/${pageOf(file)}`,
})

export default {
  title: 'Holdfast',
  description: 'A serverless message queue on DynamoDB and Lambda that speaks the Amazon SQS protocol',
  lang: 'en',
  srcDir: '.pages',
  outDir: './dist',
  cacheDir: './.cache',
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [
      ...CHAPTERS.map(({ title, files }) => ({ text: title, items: files.map(titled) })),
      {
        text: 'Reference',
        items: [
          { text: 'HTTP API', link: '/reference/http' },
          { text: 'Library', link: '/reference/library/' },
        ],
      },
    ],
  },
}

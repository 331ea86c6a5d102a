/** A chapter of the site. Paths are relative to the project's root. Chapters and pages are in reading order. */
export interface Chapter {
  readonly title: string
  readonly files: readonly string[]
}

export const CHAPTERS: readonly Chapter[] = [
  { title: 'Start', files: ['README.md', 'docs/local.md', 'docs/console.md', 'docs/docker.md'] },
  {
    title: 'Guides',
    files: ['docs/library.md', 'docs/results.md', 'docs/transactions.md', 'docs/triggers.md', 'docs/message-groups.md'],
  },
  { title: 'SQS clients', files: ['docs/sqs.md'] },
  {
    title: 'Operations',
    files: [
      'docs/cli.md',
      'docs/deploy.md',
      'docs/operate.md',
      'docs/runbook.md',
      'docs/failure-modes.md',
      'docs/benchmarks.md',
      'docs/scale.md',
    ],
  },
  {
    title: 'Architecture',
    files: [
      'docs/data-layout.md',
      'docs/decisions.md',
      'docs/promises.md',
      'docs/simulation.md',
      'docs/fuzzing.md',
      'docs/glossary.md',
    ],
  },
  { title: 'Project', files: ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'] },
]

/** The path of a file's page on the site. */
export const pageOf = (file: string): string =>
  file === 'README.md' ? 'index.md' : file.replace(/^docs\//, '').toLowerCase()

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './planted-copy.ts'

/** A line of `docs/promises.md`: a promise, its check, and the bug that shows that the check can fail. */
export interface PromisedLine {
  readonly section: string
  readonly promise: string
  readonly check: string
  /** The name of the simulator's promise, where that is the check. */
  readonly history?: string
  /** The test file, where that is the check. */
  readonly suite?: string
  readonly bug: string
}

const CHECK = /^(?:history: \*(?<history>.+)\*|`(?<suite>test\/.+\.test\.ts)`)$/

/** The lines of the page's tables, in order. */
export const promisedLines = (page = readFileSync(join(ROOT, 'docs/promises.md'), 'utf8')): readonly PromisedLine[] => {
  const [, ...sections] = page.split(/^## /m)
  return sections.flatMap((text) => {
    const [, section = ''] = /^(.*)$/m.exec(text) ?? []
    const rows = [...text.matchAll(/^\|(.*)\|(.*)\|(.*)\|$/gm)]
      .map(([, ...cells]) => cells.map((cell) => cell.trim()))
      .filter(([promise = '']) => promise !== 'Promise' && !/^-+$/.test(promise))
    return rows.map(([promise = '', check = '', bug = '']) => ({
      section,
      promise,
      check,
      ...CHECK.exec(check)?.groups,
      bug,
    }))
  })
}

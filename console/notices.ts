import { randomBytes } from 'node:crypto'
import type { Done } from './context.ts'

const MAX_NOTICES = 100

/**
 * Notices that the page after an action shows. The address of that page contains only the id of a notice, so no link from
 * elsewhere can put text on a page.
 */
export interface Notices {
  /** Stores the notice of an action. Returns the address of the next page, with the id of the notice. */
  leave(done: Done): string
  /** Returns and removes a notice: a reload of the page shows it no more. */
  take(id: string | undefined): string | undefined
}

export const createNotices = (): Notices => {
  const texts = new Map<string, string>()
  return {
    leave: ({ to, notice }) => {
      const id = randomBytes(9).toString('base64url')
      texts.set(id, notice)
      const [first] = texts.keys()
      if (texts.size > MAX_NOTICES && first !== undefined) texts.delete(first)
      const [path = '', fragment] = to.split('#')
      return `${path}${path.includes('?') ? '&' : '?'}notice=${id}${fragment === undefined ? '' : `#${fragment}`}`
    },
    take: (id) => {
      const text = id === undefined ? undefined : texts.get(id)
      if (id !== undefined) texts.delete(id)
      return text
    },
  }
}

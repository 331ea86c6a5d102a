import { randomBytes } from 'node:crypto'
import type { Done } from './context.ts'

const MOST = 100

/** What actions have to say on the page that follows them. The address has an id of it only, so that no link can make a page say something. */
export interface Flashes {
  /** The address to go to, on which `take` finds what to say. */
  leave(done: Done): string
  /** Once: looking at the same address again says nothing. */
  take(id: string | undefined): string | undefined
}

export const createFlashes = (): Flashes => {
  const texts = new Map<string, string>()
  return {
    leave: ({ to, told }) => {
      const id = randomBytes(9).toString('base64url')
      texts.set(id, told)
      const [first] = texts.keys()
      if (texts.size > MOST && first !== undefined) texts.delete(first)
      const [path = '', fragment] = to.split('#')
      return `${path}${path.includes('?') ? '&' : '?'}told=${id}${fragment === undefined ? '' : `#${fragment}`}`
    },
    take: (id) => {
      const text = id === undefined ? undefined : texts.get(id)
      if (id !== undefined) texts.delete(id)
      return text
    },
  }
}

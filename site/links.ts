import { posix } from 'node:path'
import { pageOf } from './outline.ts'

/** Where a link of a file leads on the site: to a page, to a file that the site carries, or into the repository. */
export interface LinkTargets {
  /** The files that are pages. */
  readonly pages: ReadonlySet<string>
  /** The files that the site carries as they are, by the path that they have there. */
  readonly carried: ReadonlyMap<string, string>
  /** The repository's address, without a slash at the end. */
  readonly repository: string
}

const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)/g

/** The text of a page, its links led to the site's pages. Fenced blocks stay as they are. */
export const rewriteLinks = (file: string, text: string, targets: LinkTargets): string =>
  text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replaceAll(LINK, (_, path: string, anchor = '') => {
            const target = posix.normalize(posix.join(posix.dirname(file), path))
            return `](${addressOf(target, targets)}${anchor})`
          }),
    )
    .join('')

export const IMAGES = 'docs/images/'

const addressOf = (target: string, { pages, carried, repository }: LinkTargets): string => {
  if (pages.has(target)) return `/${pageOf(target)}`
  // Pictures are shown on the page: they come with the site.
  if (target.startsWith(IMAGES)) return target.slice('docs'.length)
  return carried.get(target) ?? `${repository}/blob/main/${target}`
}

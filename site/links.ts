import { posix } from 'node:path'
import { pageOf } from './outline.ts'

/** The targets of links on the site: a page, a file that the site includes, or a file in the repository. */
export interface LinkTargets {
  /** The files that become pages. */
  readonly pages: ReadonlySet<string>
  /** The files that the site includes unchanged, with their path on the site. */
  readonly included: ReadonlyMap<string, string>
  /** The repository's address, without a slash at the end. */
  readonly repository: string
}

const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)/g

/** Rewrites the links of a page to addresses on the site. Fenced blocks stay unchanged. */
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

const addressOf = (target: string, { pages, included, repository }: LinkTargets): string => {
  if (pages.has(target)) return `/${pageOf(target)}`
  // The site includes the pictures of its pages.
  if (target.startsWith(IMAGES)) return target.slice('docs'.length)
  return included.get(target) ?? `${repository}/blob/main/${target}`
}

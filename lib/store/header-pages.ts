import { sortRightBehind } from '../model/segment-key.ts'
import type { HeaderPage, HeaderRange, Store } from './port.ts'

const GROWTH = 4
const MAX_HEADERS = 2_500

/**
 * Reads a range consistently, page by page, until the caller has enough. Each page is larger than the one before: purged and expired
 * messages are stored until TTL deletes them, and may be thousands.
 *
 * @param range `limit` is that of the first page
 */
export async function* headerPages(
  store: Pick<Store, 'headers'>,
  range: Omit<HeaderRange, 'consistent'>,
): AsyncGenerator<HeaderPage> {
  for (let { from, limit } = range; ; limit = Math.min(MAX_HEADERS, limit * GROWTH)) {
    const page = await store.headers({ ...range, from, limit, consistent: true })
    yield page
    const last = page.segments.at(-1)
    if (!page.more || !last) return
    from = sortRightBehind(last.key.sort)
  }
}

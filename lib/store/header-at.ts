import type { Segment } from '../model/segment.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import type { Store } from './port.ts'

/**
 * Reads the header under a key.
 *
 * @param to for a caller that knows only the beginning of the key: the last key that the header may have
 */
export const headerAt = async (
  store: Pick<Store, 'headers'>,
  { partition, sort }: SegmentKey,
  { to = sort, consistent }: { readonly to?: string; readonly consistent: boolean },
): Promise<Segment | undefined> => {
  const { segments } = await store.headers({ partition, from: sort, to, limit: 1, consistent })
  return segments[0]
}

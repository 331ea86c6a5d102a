import type { Segment } from '../model/segment.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import type { Store } from './port.ts'

/** The header under a key. If only the beginning of the key is known: the first header up to `to`. */
export const headerAt = async (
  store: Pick<Store, 'headers'>,
  { partition, sort }: SegmentKey,
  { to = sort, consistent }: { readonly to?: string; readonly consistent: boolean },
): Promise<Segment | undefined> => {
  const { segments } = await store.headers({ partition, from: sort, to, limit: 1, consistent })
  return segments[0]
}

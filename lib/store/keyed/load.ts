import { partitionId } from '../../model/segment-key.ts'
import type { StoredItem } from '../stored-item.ts'
import type { Maps } from './entries.ts'
import type { KeyedMaps } from './ordered-map.ts'

/** Takes over the items of another store. */
export interface Load {
  /** Stores items exactly as they are, and replaces what is stored under their keys. */
  load(items: readonly StoredItem[]): Promise<void>
}

export const loader = (maps: KeyedMaps<Maps>): Load => ({
  load: (items) =>
    maps.atomically((all) => {
      for (const item of items) put(all, item)
    }),
})

const put = ({ segments, documents, tickets }: Maps, item: StoredItem): void => {
  switch (item.kind) {
    case 'segment': {
      const { partition, sort } = item.stored.segment.key
      segments.set(partitionId(partition), sort, item.stored)
      return
    }
    case 'document': {
      const { partition, sort } = item.document
      documents.set(partition, sort, { ...item.document, expiresAt: item.expiresAt })
      return
    }
    case 'ticket':
      tickets.set(partitionId(item.partition), item.group, item.state)
  }
}

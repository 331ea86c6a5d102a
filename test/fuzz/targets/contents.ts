import { isDeepStrictEqual } from 'node:util'
import { compressed, packContent, unpackContent } from '../../../lib/store/dynamodb/content-codec.ts'
import { demand, withinBounds } from '../judge.ts'

/** The content of a segment, as bytes. What can be read is written and read again. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const content = await withinBounds(() => readable(data))
  if (!content) return
  const packed = packContent(content)
  demand(isDeepStrictEqual(unpackContent(packed), content), 'a content is another one after it was written')
  demand(isDeepStrictEqual(unpackContent(compressed(packed)), content), 'a content is another one after compression')
}

/** Any error says that it can't be read: the store makes of it the error that names the item. */
const readable = (bytes: Uint8Array) => {
  try {
    return unpackContent(bytes)
  } catch {
    return undefined
  }
}

export const dictionary: readonly string[] = []

import { createHash, type Hash, hash } from 'node:crypto'
import type { MessageAttribute } from '../../lib/model/message.ts'

export const md5 = (text: string): string => hash('md5', text)

/**
 * The digest of message attributes, which clients verify: in the order of their names, the name, type and value of
 * each, every part preceded by its length.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
 *
 * @returns nothing when there are no attributes
 */
export const md5OfAttributes = (attributes: Readonly<Record<string, MessageAttribute>>): string | undefined => {
  const names = Object.keys(attributes)
  if (names.length === 0) return undefined
  const digest = createHash('md5')
  for (const name of names.sort(byCodeUnit)) {
    const { dataType, value } = attributes[name] as MessageAttribute
    addSized(digest, Buffer.from(name, 'utf8'))
    addSized(digest, Buffer.from(dataType, 'utf8'))
    digest.update(typeof value === 'string' ? TEXT : BINARY)
    addSized(digest, typeof value === 'string' ? Buffer.from(value, 'utf8') : value)
  }
  return digest.digest('hex')
}

const TEXT = Uint8Array.of(1)
const BINARY = Uint8Array.of(2)

const addSized = (hash: Hash, bytes: Uint8Array): void => {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.byteLength)
  hash.update(length).update(bytes)
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

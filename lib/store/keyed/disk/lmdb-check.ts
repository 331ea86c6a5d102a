import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/**
 * Finds damage in an LMDB file before LMDB maps the file into memory: LMDB trusts what it maps, and a damaged page ends the
 * process without a message. Goes down both trees of the file, of its entries and of its free pages, from their roots.
 *
 *     page     number 8 · transaction 8 · pad 2 · flags 2 · lower 2 · upper 2 · offsets of nodes, 2 each · … · nodes
 *     meta     page header · magic 4 · version 4 · address 8 · map size 8 · tree of free pages · tree of entries
 *              · last page 8 · transaction 8
 *     tree     page size 4, in the first · flags 2 · depth 2 · three counts of pages 24 · entries 8 · root 8
 *     node     size 4, or child 6 · flags 2 · key length 2 · key · value, or its first page 8
 *
 * The tail of the file may be missing where no tree refers to it.
 */
const HEADER_BYTES = 24
const META_BYTES = HEADER_BYTES + 24 + 2 * 48 + 16
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const NO_PAGE = 2n ** 64n - 1n
const FLAGS = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const
const NODE_HEADER_BYTES = 8
const BIG_VALUE = 1

/** At most this many pages are checked: all pages of a file of 16 MB, and the pages nearest to the roots of a larger file. */
const MAX_CHECKED_PAGES = 4_000

interface Meta {
  readonly pageBytes: number
  readonly transaction: bigint
  readonly trees: readonly Tree[]
}

interface Tree {
  readonly root: bigint
  readonly depth: number
}

/** Describes the damage of a file; undefined where the checked pages are whole, or the file is empty. */
export const findDamage = (path: string): string | undefined => {
  // Synchronous calls, because thousands of small reads through the thread pool would take most of the time of a start.
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    return size === 0 ? undefined : damageIn(readerOf(fd), size)
  } finally {
    closeSync(fd)
  }
}

/** Reads bytes, fewer at the end of the file. They are valid until the next call. */
type Read = (position: number, length: number) => Buffer

const readerOf = (fd: number): Read => {
  const buffer = Buffer.alloc(65_536)
  return (position, length) => buffer.subarray(0, readSync(fd, buffer, 0, length, position))
}

const damageIn = (read: Read, size: number): string | undefined => {
  const first = metaIn(read(0, META_BYTES))
  const second = first && metaIn(read(first.pageBytes, META_BYTES))
  if (!first || !second || second.pageBytes !== first.pageBytes) return 'its header is not that of a data file'
  const { trees } = first.transaction > second.transaction ? first : second
  const { pageBytes } = first
  let level = trees.filter(({ root }) => root !== NO_PAGE).map(({ root, depth }) => ({ page: root, height: depth }))
  const pagesInFile = BigInt(Math.floor(size / pageBytes))
  for (let checked = 0; level.length > 0; ) {
    const below: typeof level = []
    for (const { page, height } of level) {
      if (checked++ === MAX_CHECKED_PAGES) return undefined
      if (page >= pagesInFile) return `it has ${size} bytes, fewer than its header names`
      const bytes = read(Number(page) * pageBytes, pageBytes)
      const children = childrenIn(bytes, { page, isLeaf: height === 1, pagesInFile })
      if (!children) return `its page ${page} is malformed`
      // No more are looked at. Damaged pages may name a page a thousand times each.
      if (below.length >= MAX_CHECKED_PAGES) continue
      for (const child of children) below.push({ page: child, height: height - 1 })
    }
    level = below
  }
  return undefined
}

const metaIn = (bytes: Buffer): Meta | undefined => {
  if (bytes.length < META_BYTES || (bytes.readUInt16LE(18) & FLAGS.meta) === 0) return undefined
  if (bytes.readUInt32LE(HEADER_BYTES) !== MAGIC) return undefined
  if (bytes.readUInt16LE(HEADER_BYTES + 4) !== DATA_VERSION) return undefined
  const treesAt = HEADER_BYTES + 24
  const pageBytes = bytes.readUInt32LE(treesAt)
  if (pageBytes < 256 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined
  const treeAt = (at: number): Tree => ({ depth: bytes.readUInt16LE(at + 6), root: bytes.readBigUInt64LE(at + 40) })
  return {
    pageBytes,
    transaction: bytes.readBigUInt64LE(treesAt + 2 * 48 + 8),
    trees: [treeAt(treesAt), treeAt(treesAt + 48)],
  }
}

interface Place {
  readonly page: bigint
  readonly isLeaf: boolean
  readonly pagesInFile: bigint
}

/** The pages below this one; undefined where it is damaged. */
const childrenIn = (bytes: Buffer, { page, isLeaf, pagesInFile }: Place): bigint[] | undefined => {
  const kind = isLeaf ? FLAGS.leaf : FLAGS.branch
  if (bytes.readBigUInt64LE(0) !== page || (bytes.readUInt16LE(18) & 0xf) !== kind) return undefined
  const lower = bytes.readUInt16LE(20)
  const upper = bytes.readUInt16LE(22)
  if (lower > upper || upper > bytes.length - HEADER_BYTES || lower % 2 === 1 || lower === 0) return undefined
  const children: bigint[] = []
  for (let at = HEADER_BYTES; at < HEADER_BYTES + lower; at += 2) {
    const node = HEADER_BYTES + bytes.readUInt16LE(at)
    if (node < HEADER_BYTES + upper || node + NODE_HEADER_BYTES > bytes.length) return undefined
    const value = node + NODE_HEADER_BYTES + bytes.readUInt16LE(node + 6)
    if (value > bytes.length) return undefined
    if (!isLeaf) {
      children.push(BigInt(bytes.readUIntLE(node, 6)))
      continue
    }
    const length = bytes.readUInt32LE(node)
    if ((bytes.readUInt16LE(node + 4) & BIG_VALUE) === 0) {
      if (value + length > bytes.length) return undefined
      continue
    }
    if (value + 8 > bytes.length) return undefined
    const pages = Math.ceil((HEADER_BYTES + length) / bytes.length)
    if (bytes.readBigUInt64LE(value) + BigInt(pages) > pagesInFile) return undefined
  }
  return children
}

/** How many of the items, from the first one on, take at most `maxBytes` together. */
export const countThatFits = <T>(items: readonly T[], bytesOf: (item: T) => number, maxBytes: number): number => {
  let bytes = 0
  const over = items.findIndex((item) => {
    bytes += bytesOf(item)
    return bytes > maxBytes
  })
  return over < 0 ? items.length : over
}

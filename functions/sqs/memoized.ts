const MAX_ENTRIES = 1_000
const MAX_CHARACTERS = 1_000

/** Caches the results of a function of a text, because clients repeat the same texts. Errors are not cached. */
export const memoized = <T>(compute: (text: string) => T): ((text: string) => T) => {
  const cache = new Map<string, T>()
  return (text) => {
    const cached = cache.get(text)
    if (cached !== undefined) return cached
    const result = compute(text)
    if (text.length > MAX_CHARACTERS) return result
    if (cache.size >= MAX_ENTRIES) cache.clear()
    cache.set(text, result)
    return result
  }
}

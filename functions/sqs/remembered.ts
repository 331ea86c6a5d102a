const MOST_KNOWN = 1_000
const LONGEST = 1_000

/** A function of a text that remembers what it answered: clients say the same again and again. Refusals it forgets. */
export const remembered = <T>(answer: (text: string) => T): ((text: string) => T) => {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const found = answer(text)
    if (text.length > LONGEST) return found
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(text, found)
    return found
  }
}

/** The parts of a wildcard between its asterisks, its escapes resolved; nothing for one that is written wrong. */
export const wildcardParts = (wildcard: string): readonly string[] | undefined => {
  const parts = ['']
  for (let at = 0; at < wildcard.length; at++) {
    const character = wildcard[at] as string
    if (character === '*') {
      if (wildcard[at + 1] === '*') return undefined
      parts.push('')
      continue
    }
    const escaped = character === '\\' ? wildcard[++at] : character
    if (escaped === undefined || (character === '\\' && escaped !== '*' && escaped !== '\\')) return undefined
    parts[parts.length - 1] += escaped
  }
  return parts
}

/**
 * Whether texts have these parts, in order, with anything between them: the first part at the front, the last at the
 * end. Each text is read once, whatever it and the parts hold.
 */
export const wildcardMatcher = ([first = '', ...others]: readonly string[]): ((text: string) => boolean) => {
  const last = others.pop()
  if (last === undefined) return (text) => text === first
  const searches = others.map(finder)
  return (text) => {
    const end = text.length - last.length
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false
    let from = first.length
    for (const search of searches) {
      // The first place that is found leaves the most for the parts behind it.
      from = search(text, from, end)
      if (from < 0) return false
    }
    return true
  }
}

/** Finds a part between two places; answers the place behind it, or -1. In linear time: Knuth, Morris and Pratt. */
const finder = (part: string): ((text: string, from: number, end: number) => number) => {
  const borders = bordersOf(part)
  return (text, from, end) => {
    let matched = 0
    for (let at = from; at < end; at++) {
      while (matched > 0 && text[at] !== part[matched]) matched = borders[matched - 1] as number
      if (text[at] === part[matched]) matched++
      if (matched === part.length) return at + 1
    }
    return -1
  }
}

/** For each prefix of a part, the length of the longest shorter prefix that it ends with. */
const bordersOf = (part: string): readonly number[] => {
  const borders = [0]
  for (let at = 1, length = 0; at < part.length; at++) {
    while (length > 0 && part[at] !== part[length]) length = borders[length - 1] as number
    if (part[at] === part[length]) length++
    borders.push(length)
  }
  return borders
}

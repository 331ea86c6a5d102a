/** The known name that a mistyped one probably means; `undefined` when no name is similar. */
const closestName = (given: string, known: readonly string[]): string | undefined => {
  const wanted = given.toLowerCase()
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(wanted, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 4)))
    .sort((a, b) => a.distance - b.distance)
  return best?.name ?? known.find((name) => isPart(wanted, name.toLowerCase()))
}

/** A name without its unit or its beginning: `visibilityTimeout`, `timeToLive`. */
const MIN_PART_LENGTH = 4
const isPart = (given: string, name: string): boolean =>
  given.length >= MIN_PART_LENGTH && (name.startsWith(given) || name.endsWith(given) || given.startsWith(name))

/** Longer names are not compared, because the cost of a comparison grows with the square of the length. */
const MAX_LENGTH = 64

/** The number of letters to insert, delete, change or swap with a neighbour. */
const distanceOf = (a: string, b: string): number => {
  if (a.length > MAX_LENGTH || b.length > MAX_LENGTH) return MAX_LENGTH
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    rows.push(current)
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
        swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
  }
  return at(a.length, b.length)
}

/** Advice for an unknown name: the similar name, or the list of known ones. */
export const nameAdvice = (given: string, known: readonly string[]): string => {
  const near = closestName(given, known)
  if (near !== undefined) return `did you mean ${near}?`
  return known.length > 0 ? `there are ${known.join(', ')}` : 'there are none'
}

const REPEATED = /@(\d{1,7})\*([^@]{1,80})@/g

/** A text in which `@5000*ab@` is `ab` 5,000 times, as far as there is room: a few bytes stand for the largest requests. */
export const expanded = (text: string, room: number): string => {
  let left = room - text.length
  return text.replace(REPEATED, (_, times, part: string) => {
    const count = Math.max(0, Math.min(Number(times), Math.floor(left / part.length)))
    left -= count * part.length
    return part.repeat(count)
  })
}

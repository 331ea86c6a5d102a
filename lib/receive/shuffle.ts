/** The items in a random order, each order equally likely. */
export const shuffled = <T>(items: readonly T[], fraction: () => number): T[] => {
  const mixed = [...items]
  for (let left = mixed.length - 1; left > 0; left--) {
    const at = Math.floor(fraction() * (left + 1))
    const item = mixed[left] as T
    mixed[left] = mixed[at] as T
    mixed[at] = item
  }
  return mixed
}

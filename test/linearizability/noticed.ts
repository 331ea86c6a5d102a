/** The planted bugs that the independent checker must notice, by their names. */
export const NOTICED: ReadonlySet<string> = new Set(['the claim of a whole segment has no condition'])

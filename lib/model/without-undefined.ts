type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** The object without its undefined members, which count as absent. */
export const withoutUndefined = <T extends object>(given: T): Defined<T> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>

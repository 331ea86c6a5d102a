/** An object with some members replaced. Callers get the new members, and the object's own methods still use the old ones. */
export const overriding = <T extends object>(object: T, own: Partial<T>): T =>
  new Proxy(object, {
    get: (_, name) => {
      if (name in own) return Reflect.get(own, name)
      const value: unknown = Reflect.get(object, name)
      return typeof value === 'function' ? value.bind(object) : value
    },
  })

/** An object with some of its members replaced: whatever uses it from outside gets the new ones, the object itself its own. */
export const overriding = <T extends object>(object: T, own: Partial<T>): T =>
  new Proxy(object, {
    get: (_, name) => {
      if (name in own) return Reflect.get(own, name)
      const value: unknown = Reflect.get(object, name)
      return typeof value === 'function' ? value.bind(object) : value
    },
  })

import { UsageError } from '../functions/local/usage-error.ts'
import { secondsIn } from './output/words.ts'

/** The number of receives after which a message is dead-lettered, where the setting names only the queue. */
const MAX_RECEIVES = 5

/**
 * Settings of a queue as the HTTP API takes them, from `name=value` each. A dot leads into a setting (`deadLetter.maxReceives=3`,
 * `tags.team=billing`), a value is JSON or text, a duration fits where seconds are wanted (`retentionSeconds=14d`), and `none` removes a
 * setting.
 *
 * @throws `UsageError`
 */
export const settingsFrom = (given: readonly string[]): Record<string, unknown> => {
  const settings: Record<string, unknown> = {}
  for (const one of given) {
    const split = one.indexOf('=')
    if (split < 1) throw new UsageError(`${one} must be a setting and its value: visibilityTimeoutSeconds=60`)
    const path = one.slice(0, split).split('.')
    put(settings, path, settingFrom(path, one.slice(split + 1)))
  }
  return settings
}

const put = (into: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void => {
  const inner = Object.hasOwn(into, name) ? into[name] : undefined
  const object = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  // Not an assignment: a member named __proto__ is one that the API refuses, and changes no other object.
  Object.defineProperty(into, name, {
    value: rest.length === 0 ? value : object,
    enumerable: true,
    configurable: true,
    writable: true,
  })
  if (rest.length > 0) put(object, rest, value)
}

const settingFrom = (path: readonly string[], text: string): unknown => {
  const name = path.at(-1) ?? ''
  if (text === 'none') return null
  if (path[0] === 'tags' && path.length > 1) return text
  if (name.endsWith('Seconds')) return secondsIn(text) ?? text
  if (path.length === 1 && name === 'deadLetter') return deadLetterFrom(text)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `orders-failed`, `orders-failed:3`, or the JSON of the API. */
const deadLetterFrom = (text: string): unknown => {
  const [, queue, receives] = /^([\w.-]+)(?::(\d+))?$/.exec(text) ?? []
  if (queue !== undefined) return { queue, maxReceives: receives === undefined ? MAX_RECEIVES : Number(receives) }
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`deadLetter=${text} must name a queue, and may say after how many receives: orders-failed:5`)
  }
}

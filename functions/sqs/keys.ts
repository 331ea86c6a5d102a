import { readFile } from 'node:fs/promises'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { SqsError } from './errors.ts'
import { isAccount } from './queue-url.ts'

/** What a key may do: these actions on these queues. `*` stands for anything, `?` for one character. */
export interface KeyPermission {
  /** `sqs:SendMessage`, `sqs:*` … A batch counts as its single action. */
  readonly actions: readonly string[]
  /** Queue names of the key's account, or whole ARNs. */
  readonly queues: readonly string[]
}

/** An access key that the operator has issued. */
export interface IssuedKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Account whose queues the key is for; the endpoint's home account when absent. */
  readonly accountId?: string
  /** All actions on all queues of its account when absent. */
  readonly permissions?: readonly KeyPermission[]
}

const KEY_MEMBERS = new Set(['accessKeyId', 'secretAccessKey', 'accountId', 'permissions', 'comment'])

/**
 * The keys in `{"keys":[{"accessKeyId":"…","secretAccessKey":"…","accountId":"…","permissions":[…]}]}`.
 *
 * @throws what is wrong and where, without any secret
 */
export const parseKeys = (text: string): ReadonlyMap<string, IssuedKey> => {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new Error('the keys are not valid JSON')
  }
  const keys = (document as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) throw new Error('the keys must be an object with an array "keys"')
  const found = new Map<string, IssuedKey>()
  for (const [position, key] of keys.entries()) {
    const where = `keys[${position}]`
    checkKey(key, where)
    if (found.has(key.accessKeyId)) throw new Error(`${where}.accessKeyId ${key.accessKeyId} is there twice`)
    found.set(key.accessKeyId, key)
  }
  return found
}

function checkKey(key: unknown, where: string): asserts key is IssuedKey {
  if (key === null || typeof key !== 'object' || Array.isArray(key)) throw new Error(`${where} must be an object`)
  const { accessKeyId, secretAccessKey, accountId, permissions } = key as Record<string, unknown>
  // A misspelt "permissions" would otherwise allow everything.
  for (const name of Object.keys(key))
    if (!KEY_MEMBERS.has(name)) throw new Error(`${where} has an unknown member ${name}`)
  if (typeof accessKeyId !== 'string' || !/^[A-Za-z0-9_-]{3,128}$/.test(accessKeyId)) {
    throw new Error(`${where}.accessKeyId must be 3 to 128 letters, digits, hyphens or underscores`)
  }
  if (typeof secretAccessKey !== 'string' || secretAccessKey.length < 16) {
    throw new Error(`${where}.secretAccessKey must have at least 16 characters`)
  }
  if (accountId !== undefined && (typeof accountId !== 'string' || !isAccount(accountId))) {
    throw new Error(`${where}.accountId must be a string of 12 digits`)
  }
  if (permissions === undefined) return
  if (!Array.isArray(permissions)) throw new Error(`${where}.permissions must be an array`)
  for (const [position, permission] of permissions.entries())
    checkPermission(permission, `${where}.permissions[${position}]`)
}

const checkPermission = (permission: unknown, where: string): void => {
  const { actions, queues } = (permission ?? {}) as Record<string, unknown>
  if (!isTexts(actions) || !isTexts(queues))
    throw new Error(`${where} must have arrays of strings "actions" and "queues"`)
  for (const action of actions) {
    if (action !== '*' && !/^sqs:[A-Za-z*?]+$/i.test(action))
      throw new Error(`${where}.actions has ${action}, which is no sqs:… action`)
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

export interface KeyRing {
  find(accessKeyId: string): Promise<IssuedKey | undefined>
}

/** How long a key that was revoked may still be let in, ms. */
const KEYS_CACHE_MS = 10_000
/** A key that is not known is looked for again at most this often, so that a new one works at once, ms. */
const MISS_CACHE_MS = 1_000

/**
 * Issued keys, loaded again when they have grown old. Where that fails, the ones known stay in force and `failed`
 * hears why; with none known yet, every request fails.
 */
export const keyRing = ({
  load,
  clock = systemClock,
  failed = () => {},
}: {
  /** The text that `parseKeys` reads. */
  readonly load: () => Promise<string>
  readonly clock?: Clock
  readonly failed?: (error: unknown) => void
}): KeyRing => {
  let text: string | undefined
  let keys: ReadonlyMap<string, IssuedKey> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY
  let loading: Promise<void> | undefined

  const reload = async () => {
    try {
      const loaded = await load()
      if (loaded !== text) {
        keys = parseKeys(loaded)
        text = loaded
      }
    } catch (error) {
      failed(error)
      if (!keys)
        throw new SqsError('ServiceUnavailable', 'The access keys can not be read at the moment.', { cause: error })
    } finally {
      loadedAt = clock.now()
    }
  }
  const notOlderThan = async (ms: number) => {
    if (keys && clock.now() - loadedAt < ms) return
    loading ??= reload().finally(() => {
      loading = undefined
    })
    await loading
  }

  return {
    find: async (accessKeyId) => {
      await notOlderThan(KEYS_CACHE_MS)
      if (!keys?.has(accessKeyId)) await notOlderThan(MISS_CACHE_MS)
      return keys?.get(accessKeyId)
    },
  }
}

/** Keys in a file, for `keyRing`. */
export const keysInFile =
  (path: string): (() => Promise<string>) =>
  () =>
    readFile(path, 'utf8')

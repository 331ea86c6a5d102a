import { readFile } from 'node:fs/promises'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { SqsError } from './errors.ts'
import { ACTION_NAMES, type ActionName } from './model.ts'
import { like } from './pattern.ts'
import { isAccount } from './queue-url.ts'
import { JsonFault, parseStrictJson } from './strict-json.ts'

/** What a key may do: these actions on these queues. `*` stands for anything, `?` for one character. */
export interface KeyPermission {
  /** `sqs:SendMessage`, `sqs:*` … A batch counts as its single action. */
  readonly actions: readonly string[]
  /** Queue names of the key's account, or whole ARNs. */
  readonly queues: readonly string[]
}

/** What a caller needs for an action: for a batch the permission of its single action. */
export const permissionFor = (action: ActionName): string => `sqs:${action.replace(/Batch$/, '')}`

/** Whether a pattern of actions, such as `sqs:Get*`, covers a permission. Case does not matter, as in IAM. */
export const matchesAction = (pattern: string, permission: string): boolean =>
  like(pattern.toLowerCase(), permission.toLowerCase())

/** An access key that the operator has issued. */
export interface IssuedKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Account whose queues the key is for; the endpoint's home account when absent. */
  readonly accountId?: string
  /** All actions on all queues of its account when absent. */
  readonly permissions?: readonly KeyPermission[]
}

const DOCUMENT_MEMBERS = new Set(['keys', 'comment'])
const KEY_MEMBERS = new Set(['accessKeyId', 'secretAccessKey', 'accountId', 'permissions', 'comment'])
const PERMISSION_MEMBERS = new Set(['actions', 'queues', 'comment'])

/**
 * The keys in `{"keys":[{"accessKeyId":"…","secretAccessKey":"…","accountId":"…","permissions":[…]}]}`.
 *
 * @throws what is wrong and where, without any secret
 */
export const parseKeys = (text: string): ReadonlyMap<string, IssuedKey> => {
  const document = parseDocument(text)
  if (!isObject(document) || !Array.isArray(document.keys)) {
    throw new Error('the keys must be an object with an array "keys"')
  }
  checkMembers(document, DOCUMENT_MEMBERS, 'the document of the keys')
  const found = new Map<string, IssuedKey>()
  for (const [position, key] of document.keys.entries()) {
    const where = `keys[${position}]`
    checkKey(key, where)
    if (found.has(key.accessKeyId)) throw new Error(`${where}.accessKeyId ${key.accessKeyId} is there twice`)
    found.set(key.accessKeyId, key)
  }
  return found
}

const parseDocument = (text: string): unknown => {
  try {
    return parseStrictJson(text)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    const { path, message, line, column } = error
    throw new Error(`${path || 'the document of the keys'} ${message} (line ${line}, column ${column})`)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** A member that is passed over could be one that was meant to narrow what the key may do. */
const checkMembers = (value: object, known: ReadonlySet<string>, where: string): void => {
  for (const name of Object.keys(value)) {
    if (!known.has(name)) throw new Error(`${where} has an unknown member ${name}: it takes ${[...known].join(', ')}`)
  }
}

function checkKey(key: unknown, where: string): asserts key is IssuedKey {
  if (!isObject(key)) throw new Error(`${where} must be an object`)
  checkMembers(key, KEY_MEMBERS, where)
  const { accessKeyId, secretAccessKey, accountId, permissions } = key
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
  if (!isObject(permission)) throw new Error(`${where} must be an object`)
  checkMembers(permission, PERMISSION_MEMBERS, where)
  const { actions, queues } = permission
  if (!isTexts(actions) || !isTexts(queues))
    throw new Error(`${where} must have arrays of strings "actions" and "queues"`)
  for (const [position, action] of actions.entries()) checkAction(action, `${where}.actions[${position}]`)
  for (const [position, queue] of queues.entries()) {
    if (!QUEUE_PATTERN.test(queue)) {
      throw new Error(`${where}.queues[${position}] ${queue} must be a queue's name or ARN, with * and ? where needed`)
    }
  }
}

const QUEUE_PATTERN = /^(?:[A-Za-z0-9_.*?-]{1,80}|arn:[A-Za-z0-9_.:*?-]{1,200})$/

/** An action that is none would give nothing, and nobody would see why. */
const checkAction = (pattern: string, where: string): void => {
  const known = ACTION_NAMES.some((name) => matchesAction(pattern, permissionFor(name)))
  if (known) return
  const ofBatch = /batch$/i.test(pattern) ? ' (a batch needs the permission of its single action)' : ''
  throw new Error(`${where} ${pattern} must be sqs: and an action of SQS, with * and ? where needed${ofBatch}`)
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

import { readFile } from 'node:fs/promises'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { isObject, JsonFault, parseStrictJson } from '../runtime/strict-json.ts'
import { SqsError } from './errors.ts'
import { ACTION_NAMES, type ActionName } from './model.ts'
import { like } from './pattern.ts'
import { isAccount } from './queue-url.ts'

/** Actions that a key may perform on queues. In both, `*` matches any characters and `?` matches one. */
export interface KeyPermission {
  /** `sqs:SendMessage`, `sqs:*` … A batch needs the permission of its single action. */
  readonly actions: readonly string[]
  /** Queue names of the key's account, or whole ARNs. */
  readonly queues: readonly string[]
}

/** The permission that an action needs. */
export const permissionFor = (action: ActionName): string => `sqs:${action.replace(/Batch$/, '')}`

/** Whether a pattern such as `sqs:Get*` matches a permission. As in IAM, case does not matter. */
export const matchesAction = (pattern: string, permission: string): boolean =>
  like(pattern.toLowerCase(), permission.toLowerCase())

/** An access key that the operator has issued. */
export interface IssuedKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Account of the key. @default the endpoint's home account */
  readonly accountId?: string
  /** @default all actions on all queues of its account */
  readonly permissions?: readonly KeyPermission[]
}

const DOCUMENT_MEMBERS = new Set(['keys', 'comment'])
const KEY_MEMBERS = new Set(['accessKeyId', 'secretAccessKey', 'accountId', 'permissions', 'comment'])
const PERMISSION_MEMBERS = new Set(['actions', 'queues', 'comment'])

/**
 * Reads `{"keys":[{"accessKeyId":"…","secretAccessKey":"…","accountId":"…","permissions":[…]}]}`.
 *
 * @returns the keys by their ids
 * @throws an error that names the fault and its place, and quotes no secret
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
    // Some editors of Windows begin a file with a byte order mark.
    return parseStrictJson(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    const { path, message, line, column } = error
    throw new Error(`${path || 'the document of the keys'} ${message} (line ${line}, column ${column})`)
  }
}

/** Refuses unknown members: ignoring one that was meant to restrict the key would allow more than was intended. */
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

/** Refuses a pattern that matches no action: it would allow nothing, without any message. */
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

/** How long a revoked key may still be accepted, ms. */
const KEYS_CACHE_MS = 10_000
/** How long an unknown key id is refused before the keys are loaded again, ms. */
const MISS_CACHE_MS = 1_000

/**
 * Issued keys, loaded again once they are old. When loading fails, the last keys stay in force and `failed` is called
 * with the error. Until a first load succeeds, every request fails.
 */
export const keyRing = ({
  load,
  clock = systemClock,
  failed = () => {},
}: {
  /** Returns the text for `parseKeys`. */
  readonly load: () => Promise<string>
  readonly clock?: Clock
  readonly failed?: (error: unknown) => void
}): KeyRing => {
  const cache = keyCache(load, failed)
  let loadedAt = Number.NEGATIVE_INFINITY
  let loading: Promise<void> | undefined

  const reload = async () => {
    try {
      await cache.reload()
    } finally {
      loadedAt = clock.now()
      loading = undefined
    }
  }
  const reloadIfOlderThan = async (ms: number) => {
    if (cache.keys() && clock.now() - loadedAt < ms) return
    loading ??= reload()
    await loading
  }

  return {
    find: async (accessKeyId) => {
      await reloadIfOlderThan(KEYS_CACHE_MS)
      if (!cache.keys()?.has(accessKeyId)) await reloadIfOlderThan(MISS_CACHE_MS)
      return cache.keys()?.get(accessKeyId)
    },
  }
}

/** The last keys that could be read. They are parsed again only when their text has changed. */
const keyCache = (load: () => Promise<string>, failed: (error: unknown) => void) => {
  let text: string | undefined
  let keys: ReadonlyMap<string, IssuedKey> | undefined
  return {
    keys: () => keys,
    /** @throws `ServiceUnavailable` when loading fails and no keys are known */
    reload: async (): Promise<void> => {
      try {
        const loaded = await load()
        if (loaded === text) return
        keys = parseKeys(loaded)
        text = loaded
      } catch (error) {
        failed(error)
        if (keys) return
        throw new SqsError('ServiceUnavailable', 'The access keys can not be read at the moment.', { cause: error })
      }
    },
  }
}

/** Loads the keys from a file. */
export const keysInFile =
  (path: string): (() => Promise<string>) =>
  () =>
    readFile(path, 'utf8')

import { isHoldfastError } from '../../lib/model/errors.ts'
import { checkQueueName, plainName } from '../../lib/model/queue-name.ts'
import { queueDoesNotExist } from './errors.ts'
import { memoized } from './memoized.ts'
import type { SqsRequest } from './request.ts'

/** An account and a region. Queues of different scopes are independent. */
export interface Scope {
  readonly account: string
  readonly region: string
}

/** A queue as SQS addresses it. */
export interface QueueAddress extends Scope {
  readonly name: string
}

/** The home scope, unless the deployment sets another: the HTTP API shows its queues under their plain names. */
export const DEFAULT_SCOPE: Scope = { account: '000000000000', region: 'us-east-1' }

/**
 * Translates between SQS addresses and engine names. Queues of the home scope keep their plain names, so that both APIs
 * see the same queues; the names of others begin with their scope.
 */
export interface QueueNames {
  readonly home: Scope
  engineName(address: QueueAddress): string
  addressOf(engineName: string): QueueAddress
  /** The scope in the form in which engine names begin with it; empty for the home scope. */
  engineScope(scope: Scope): string
}

export const queueNames = (home: Scope = DEFAULT_SCOPE): QueueNames => {
  const engineScope = ({ account, region }: Scope) =>
    account === home.account && region === home.region ? '' : `${account}/${region}`
  return {
    home,
    engineScope,
    engineName: (address) => {
      const scope = engineScope(address)
      return scope === '' ? address.name : `${scope}/${address.name}`
    },
    addressOf: (engineName) => {
      const name = plainName(engineName)
      if (name === engineName) return { ...home, name }
      const [account = home.account, region = home.region] = engineName.split('/')
      return { account, region, name }
    },
  }
}

/** Where accounts and regions share their queues: a caller sees each queue as one of the caller's own scope. */
export const sharedQueueNames = (caller: Scope): QueueNames => ({
  home: caller,
  engineScope: () => '',
  engineName: ({ name }) => name,
  addressOf: (engineName) => ({ ...caller, name: plainName(engineName) }),
})

const ACCOUNT = /^[0-9]{12}$/
export const isAccount = (text: string): boolean => ACCOUNT.test(text)

export const isQueueName = (name: string): boolean => {
  if (name.includes('/')) return false
  try {
    checkQueueName(name)
    return true
  } catch (error) {
    if (isHoldfastError(error)) return false
    throw error
  }
}

/** The last two segments of a path, before any slashes at its end. */
const LAST_TWO = /(?:^|\/)([0-9]{12})\/([^/?#]+)\/*(?:[?#].*)?$/s

/**
 * Account and name of a queue URL, or of its path: the last two segments. Host and port are ignored, because clients
 * store queue URLs and the server's address can change.
 */
export const accountAndName = (path: string): { account: string; name: string } | undefined => {
  const [, account, name] = LAST_TWO.exec(path) ?? []
  return account && name && isQueueName(name) ? { account, name } : undefined
}

/** @throws `QueueDoesNotExist`, also for a text that is no queue URL */
export const parseQueueUrl = memoized((url): { account: string; name: string } => {
  const found = accountAndName(url)
  if (!found) throw queueDoesNotExist()
  return found
})

const ARN = /^arn:[a-z-]+:sqs:([a-z0-9-]{1,40}):([0-9]{12}):([A-Za-z0-9_.-]{1,80})$/

export const queueArn = ({ region, account, name }: QueueAddress): string => `arn:aws:sqs:${region}:${account}:${name}`

export const parseQueueArn = (arn: string): QueueAddress | undefined => {
  const [, region, account, name] = ARN.exec(arn) ?? []
  return region && account && name && isQueueName(name) ? { region, account, name } : undefined
}

const HOST = /^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$/

/**
 * The origin under which the caller reached the server, for the queue URLs that it gets: the `X-Forwarded-` headers of a
 * proxy, else the request's `Host`.
 */
export const callerOrigin = ({ url, header }: SqsRequest): string => {
  const forwardedHost = first(header('x-forwarded-host'))
  const host = [forwardedHost, header('host')].find((name) => name && HOST.test(name)) ?? url().host
  const forwardedProtocol = first(header('x-forwarded-proto'))
  const protocol =
    forwardedProtocol === 'https' || forwardedProtocol === 'http' ? `${forwardedProtocol}:` : url().protocol
  const port = first(header('x-forwarded-port'))
  const usual = protocol === 'https:' ? '443' : '80'
  const named = forwardedHost === host && !/:[0-9]+$/.test(host) && port && /^[0-9]{1,5}$/.test(port) && port !== usual
  return `${protocol}//${host}${named ? `:${port}` : ''}`
}

const first = (header: string | undefined): string | undefined => header?.split(',')[0]?.trim() || undefined

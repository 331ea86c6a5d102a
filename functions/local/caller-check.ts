import { isIP } from 'node:net'

export interface TrustedCallers {
  /** The address that the server listens on. */
  readonly host: string
  /** Further names under which clients reach the server. */
  readonly allowedHosts?: readonly string[]
}

/** The reason why a request is refused; undefined if it is not. */
export type CallerCheck = (headers: Headers) => string | undefined

/**
 * Keeps web pages away from a server that does not ask its callers who they are. A browser sends requests to any address
 * for the pages that it shows. It names the page's site in `Origin`, `Referer` and `Sec-Fetch-Site`. A page whose own
 * name was made to resolve to this server (DNS rebinding) is known by that name in `Host`, so only names that nobody
 * else can own are accepted there: addresses, names of this machine, and those that the operator allows.
 */
export const callerCheck = ({ host, allowedHosts = [] }: TrustedCallers): CallerCheck => {
  const allowed = new Set([host, ...allowedHosts].map((name) => name.toLowerCase()))
  const isAllowedHost = (authority: string): boolean => {
    const name = hostName(authority)
    return name !== undefined && (isIP(name) !== 0 || isLoopback(name) || allowed.has(name))
  }
  return (headers) => {
    const site = headers.get('sec-fetch-site')
    if (site === 'cross-site' || site === 'same-site') return `a page of another site (${site}) sent the request`
    const named = headers.get('host')
    for (const page of [headers.get('origin'), headers.get('referer')]) {
      if (page && !isOwnPage(page, named)) return `a page of ${shortened(page)} sent the request`
    }
    // Only clients that speak HTTP/1.0 name no host; browsers do not.
    if (named === null || isAllowedHost(named)) return undefined
    return `${shortened(named)} is not a name of this server: start the server with --allowed-host NAME to allow it`
  }
}

/** Whether an `Origin` or a `Referer` is this server itself, or a page that this machine serves. */
const isOwnPage = (page: string, host: string | null): boolean => {
  const [, authority] = /^https?:\/\/([^/?#@]+)(?:[/?#]|$)/i.exec(page) ?? []
  if (authority === undefined) return false
  if (authority.toLowerCase() === host?.toLowerCase()) return true
  const name = hostName(authority)
  return name !== undefined && isLoopback(name)
}

/** The name in `name:port`, in lower case, without brackets and without a dot at its end. */
const hostName = (authority: string): string | undefined => {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+)\]|([\w.-]+?)\.?)(?::\d{1,5})?$/i.exec(authority) ?? []
  return (bracketed ?? plain)?.toLowerCase()
}

/** Whether a name stands for this machine only: nobody can register a name below `localhost` (RFC 6761, section 6.3). */
export const isLoopback = (host: string): boolean =>
  /(?:^|\.)localhost$/.test(host) || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

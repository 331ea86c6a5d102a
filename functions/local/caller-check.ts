import type { IncomingHttpHeaders } from 'node:http'

export interface TrustedCallers {
  /** The address that the server listens on. */
  readonly host: string
  /** Names, beside those of this machine, under which clients may reach a server that listens on it alone. */
  readonly allowedHosts?: readonly string[]
}

/** Why a request is refused; nothing when it is not. */
export type CallerCheck = (headers: IncomingHttpHeaders) => string | undefined

/**
 * Keeps web pages away from a server that asks nobody who they are. A browser on this machine reaches it for any page
 * it shows; it says so in `Origin` and `Sec-Fetch-Site`, and a page that made its own name point here (DNS rebinding)
 * is known by that name in `Host`. Other clients send neither header.
 */
export const callerCheck = ({ host, allowedHosts = [] }: TrustedCallers): CallerCheck => {
  const allowed = new Set([host, ...allowedHosts].map((name) => name.toLowerCase()))
  const anyHost = !isLoopback(host)
  // Clients name the same host in every request.
  let lastAllowed: string | undefined
  return ({ host: named, origin, 'sec-fetch-site': site }) => {
    if (site === 'cross-site' || site === 'same-site') return `a page of another site (${site}) sent the request`
    if (origin !== undefined && !isOwn(origin, named)) return `a page of ${origin.slice(0, 200)} sent the request`
    if (anyHost || named === undefined || named === lastAllowed) return undefined
    const name = hostName(named)
    if (name !== undefined && (isLoopback(name) || allowed.has(name))) {
      lastAllowed = named
      return undefined
    }
    return `the host ${named.slice(0, 200)} is not one of this server's: start it with --allowed-host NAME to allow it`
  }
}

const isOwn = (origin: string, host: string | undefined): boolean => {
  const [, authority] = /^https?:\/\/([^/?#@]+)$/i.exec(origin) ?? []
  if (authority === undefined) return false
  if (authority.toLowerCase() === host?.toLowerCase()) return true
  const name = hostName(authority)
  return name !== undefined && isLoopback(name)
}

/** The name in `name:port`, in lower case and without brackets. */
const hostName = (authority: string): string | undefined => {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(authority) ?? []
  return (bracketed ?? plain)?.toLowerCase()
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

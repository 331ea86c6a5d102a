import { invalid } from '../model/errors.ts'

/**
 * The address of an HTTP API: http or https, with a stage or a base path where the API has one.
 *
 * @throws `InvalidRequest`
 */
export const apiUrl = (given: string | URL): URL => {
  const url = parsed(given)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalid(
      'url',
      String(given),
      'must be an address such as https://api.example.com/stage or http://localhost:9324',
    )
  }
  // The error does not show the value, which may be a password.
  if (url.username !== '' || url.password !== '') {
    throw invalid('url', url.host, 'must hold no user and password (give credentials beside it)')
  }
  if (url.search !== '' || url.hash !== '') {
    throw invalid('url', `${url.search}${url.hash}`, 'must have no query and no fragment')
  }
  return url
}

const parsed = (given: string | URL): URL | undefined => {
  try {
    return new URL(given)
  } catch {
    return undefined
  }
}

/** Names and addresses of this machine: no packet to them leaves it. */
const LOOPBACK = /^((.+\.)?localhost\.?|127(\.\d{1,3}){3}|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\])$/

export const isLoopback = ({ hostname }: URL): boolean => LOOPBACK.test(hostname)

/**
 * Paths that mean the same to everyone who reads them. A gateway authorizes a request by the path that it decoded, and a URL
 * parser on the way may resolve `..`, take a backslash for a slash, or decode once more. The API answers 404 to a path that any
 * of them would change, because the gateway checked the right on another path.
 * https://url.spec.whatwg.org/#path-state, https://www.rfc-editor.org/rfc/rfc3986#section-3.3
 */
export const isPlainSegment = (segment: string): boolean =>
  segment !== '' && segment !== '.' && segment !== '..' && !CHANGED_BY_PARSERS.test(segment)

// biome-ignore lint/suspicious/noControlCharactersInRegex: URL parsers drop some of these
const CHANGED_BY_PARSERS = /[/\\%?#\x00-\x1f\x7f]/

const ENCODED_SLASH = /%2f|%5c/i

/** Whether a decoded path has nothing but plain segments, and no slash at its end. */
export const isPlainPath = (path: string): boolean =>
  path.startsWith('/') && path.slice(1).split('/').every(isPlainSegment)

/**
 * A path decoded once, as API Gateway decodes it. A path that can't be decoded, or has an encoded slash or backslash, is returned
 * unchanged and so is not plain: after decoding, an encoded slash would look like a plain one.
 */
export const decodedPath = (path: string): string => {
  try {
    return ENCODED_SLASH.test(path) ? path : decodeURIComponent(path)
  } catch {
    return path
  }
}

/** The path of a request's target as it was sent. A URL parser would have resolved `..` and backslashes. */
export const pathOf = (target: string): string => {
  const end = target.search(/[?#]/)
  return end < 0 ? target : target.slice(0, end)
}

/** Durations, ages and amounts in words, and durations back into seconds. */

const UNITS = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const

const DURATION = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/

/** `90`, `90s`, `5m`, `1h30m`, `2d`, `1w` in seconds; undefined for anything else, and where no number holds its milliseconds. */
export const secondsIn = (text: string): number | undefined => {
  const match = /^\d+(\.\d+)?$/.test(text) ? ['', '', '', '', '', text] : DURATION.exec(text)
  if (!match || text === '') return undefined
  const seconds = Object.values(UNITS).reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0)
  return Number.isFinite(seconds * 1_000) ? seconds : undefined
}

/** `45 s`, `3 min`, `2 h 5 min`, `4 d 3 h`: the two largest units. */
export const duration = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  const [days, hours, minutes, rest] = [
    Math.floor(seconds / UNITS.d),
    Math.floor(seconds / UNITS.h) % 24,
    Math.floor(seconds / UNITS.m) % 60,
    seconds % 60,
  ]
  if (days > 0) return `${days} d${hours > 0 ? ` ${hours} h` : ''}`
  if (hours > 0) return `${hours} h${minutes > 0 ? ` ${minutes} min` : ''}`
  if (minutes > 0) return `${minutes} min${minutes < 10 && rest > 0 ? ` ${rest} s` : ''}`
  return `${rest} s`
}

/** `3 min ago`, `in 2 h`, `now`. */
export const relative = (instant: string, now: number): string => {
  const ms = now - Date.parse(instant)
  if (Math.abs(ms) < 1_000) return 'now'
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`
}

/** `1 message`, `12,345 messages`. */
export const counted = (count: number, noun: string): string => `${thousands(count)} ${noun}${count === 1 ? '' : 's'}`

export const thousands = (count: number): string => count.toLocaleString('en-US')

/** Three digits that count: `0.00312`, `4.12`, `1,234`. */
export const figure = (value: number): string =>
  value >= 100 || value === 0
    ? thousands(Math.round(value))
    : Number(value.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 })

/** Text on one line, no longer than this many characters. Control characters are shown, not sent to the terminal. */
export const oneLine = (text: string, width: number): string => {
  const plain = visible(text.replaceAll(/\s+/g, ' ').trim())
  return plain.length > width ? `${plain.slice(0, Math.max(0, width - 1))}…` : plain
}

/** A message must not steer the terminal that shows it: its control characters appear as `\x1b`. Line ends stay. */
export const visible = (text: string): string =>
  text.replaceAll(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

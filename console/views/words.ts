import { type Html, html } from './html.ts'

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const

/** A span in its two largest units: `40 s`, `3 min`, `2 h 5 min`, `4 d`. */
export const duration = (seconds: number): string => {
  if (seconds < 60) return `${seconds < 10 && seconds % 1 !== 0 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const at = UNITS.findIndex(([, size]) => seconds >= size)
  const [unit, size] = UNITS[at] ?? ['s', 1]
  const [lower, lowerSize] = UNITS[at + 1] ?? ['s', 1]
  const whole = Math.floor(seconds / size)
  const rest = Math.floor((seconds - whole * size) / lowerSize)
  return rest > 0 ? `${whole} ${unit} ${rest} ${lower}` : `${whole} ${unit}`
}

export const count = (value: number): string => value.toLocaleString('en-US')

/** `1 message`, `2,000 messages`. */
export const counted = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`

/** Seconds since an instant, at least 0. */
export const ageSeconds = (instant: string, now: number): number => Math.max(0, (now - Date.parse(instant)) / 1000)

/** An instant as people read it, with its distance from now: `3 min ago`, `in 2 h`. */
export const instant = (at: string, now: number): Html => {
  const seconds = Math.abs(now - Date.parse(at)) / 1000
  const distance = Date.parse(at) <= now ? `${duration(seconds)} ago` : `in ${duration(seconds)}`
  return html`<time datetime="${at}" title="${at}">${at.slice(0, 19).replace('T', ' ')}<span class="dim"> UTC, ${distance}</span></time>`
}

/** Bytes: `640 B`, `2.5 KB`. */
export const bytes = (value: number): string => (value < 1_024 ? `${value} B` : `${(value / 1_024).toFixed(1)} KB`)

import { thousands as count, counted, duration as inWords } from '../../cli/output/words.ts'
import { type Html, html } from './html.ts'

export { count, counted }

/** A duration in its two largest units. */
export const duration = (seconds: number): string => inWords(seconds * 1_000)

/** Seconds since an instant, at least 0. */
export const ageSeconds = (instant: string, now: number): number => Math.max(0, (now - Date.parse(instant)) / 1000)

/** An instant in UTC with its distance from now: `3 min ago`, `in 2 h`. */
export const instant = (at: string, now: number): Html =>
  html`<time datetime="${at}" title="${at}">${at.slice(0, 19).replace('T', ' ')}<span class="dim"> UTC, ${distanceText(at, now)}</span></time>`

/** Only the distance of an instant from now, for narrow columns. */
export const distance = (at: string, now: number): Html =>
  html`<time datetime="${at}" title="${at}">${distanceText(at, now)}</time>`

const distanceText = (at: string, now: number): string => {
  const seconds = Math.abs(now - Date.parse(at)) / 1000
  return Date.parse(at) <= now ? `${duration(seconds)} ago` : `in ${duration(seconds)}`
}

/** Characters of a reason where the whole of it is shown elsewhere. A reason may be a stack trace. */
const REASON = 120

/** A reason's first line, shortened. */
export const shortReason = (reason: string): string => {
  const [line = ''] = reason.trim().split(/[\r\n]/, 1)
  const short = line.slice(0, REASON)
  return short === reason ? reason : `${short}…`
}

/** Bytes: `640 B`, `2.5 KB`. */
export const bytes = (value: number): string => (value < 1_024 ? `${value} B` : `${(value / 1_024).toFixed(1)} KB`)

import type { MessageShown, StatusShown } from '../api.ts'
import type { SeenLease } from '../leases-seen.ts'
import { type Html, html } from './html.ts'
import { count, duration } from './words.ts'

type State = StatusShown['state']

/** The places of the diagram: x and y of a box of 120 by 44, and its name. */
const PLACES = {
  published: [0, 60, 'published'],
  delayed: [150, 0, 'delayed'],
  ready: [300, 60, 'ready'],
  leased: [450, 60, 'leased'],
  backingOff: [375, 140, 'backing off'],
  done: [600, 0, 'acked'],
  dead: [600, 120, 'dead-lettered'],
} as const satisfies Record<string, readonly [number, number, string]>
type Place = keyof typeof PLACES

const WAYS = [
  'M120 82 H298',
  'M60 60 V22 H148',
  'M270 22 H360 V58',
  'M420 82 H448',
  'M510 104 V162 H497',
  'M375 162 H340 V106',
  'M570 70 H585 V22 H598',
  'M570 94 H585 V142 H598',
] as const

const PLACE_OF: Readonly<Partial<Record<State, Place>>> = {
  delayed: 'delayed',
  ready: 'ready',
  leased: 'leased',
  backingOff: 'backingOff',
  attemptsUsedUp: 'ready',
  done: 'done',
  deadLettered: 'dead',
}

interface Known {
  /** Absent where it is no longer stored. */
  readonly message: MessageShown | undefined
  /** What was seen of its leases, since an instant; absent where nobody watches. */
  readonly seen: { readonly since: number; readonly leases: readonly SeenLease[] } | undefined
  readonly now: number
}

/** The way of a message through its states, with what is known of its leases. */
export const courseOf = (status: StatusShown, known: Known): Html => {
  const { message } = known
  const present = message?.deadLetter ? 'dead' : PLACE_OF[status.state]
  const words = courseWords(status, known)
  return html`<figure class="course"><svg viewBox="-2 -2 724 190" role="img" aria-label="${words[0] ?? ''}">
${WAYS.map((way) => html`<path d="${way}"/>`)}
${Object.entries(PLACES).map(([place, [x, y, name]]) => html`<g class="${place === present ? 'here' : wasAt(place as Place, message) ? 'past' : 'other'}"><rect x="${x}" y="${y}" width="120" height="44" rx="8"/><text x="${x + 60}" y="${y + 27}">${name}</text></g>`)}
</svg><figcaption><ol>${words.map((text) => html`<li>${text}</li>`)}</ol></figcaption></figure>`
}

const wasAt = (place: Place, message: MessageShown | undefined): boolean => {
  if (!message) return place === 'published'
  if (place === 'published') return true
  if (place === 'delayed') return message.dueAt > message.publishedAt
  return (place === 'ready' || place === 'leased') && (message.receiveCount > 0 || message.deadLetter !== undefined)
}

const span = (from: string, to: string | number): string =>
  duration(Math.abs((typeof to === 'number' ? to : Date.parse(to)) - Date.parse(from)) / 1000)

/** The present state first, then what led to it, latest first. */
const courseWords = (status: StatusShown, { message, seen, now }: Known): string[] => {
  const words = [presentWords(status, message, now), ...(seen ? leaseWords(seen.leases, now) : [])]
  if (!message) return words
  const { deadLetter, receiveCount, firstReceivedAt, publishedAt, dueAt } = message
  if (deadLetter) {
    const receives = deadLetter.receiveCount
    words.push(
      `Dead-lettered ${span(deadLetter.at, now)} ago out of ${deadLetter.queue} after ${count(receives)} receives: ${deadLetter.reason}`,
    )
  } else if (receiveCount > 0 && firstReceivedAt !== undefined) {
    const ended = receiveCount - (status.state === 'leased' ? 1 : 0)
    words.push(
      `First received ${span(firstReceivedAt, now)} ago, ${span(publishedAt, firstReceivedAt)} after its publish; ${count(ended)} of ${count(receiveCount)} leases ended without an ack. ${whatIsKept(receiveCount, seen)}`,
    )
  }
  if (dueAt > publishedAt) words.push(`Due ${span(publishedAt, dueAt)} after its publish`)
  words.push(`Published ${span(publishedAt, now)} ago`)
  return words
}

const whatIsKept = (receives: number, seen: Known['seen']): string => {
  if (!seen) return 'The queue keeps the first receive, their number and the present lease.'
  const unseen = receives - seen.leases.length
  return unseen <= 0
    ? 'Each was seen.'
    : `${count(unseen)} were not seen: this server watches since ${clock(seen.since)}.`
}

/** Each lease, the latest first: when, how long, and why it ended. */
const leaseWords = (leases: readonly SeenLease[], now: number): string[] =>
  leases
    .map((lease, index) => {
      const { at, until, queue, end } = lease
      const held = `${duration(((end?.at ?? now) - at) / 1000)}`
      const ending = end ? `, ${ENDS[end.how]}${end.reason === undefined ? '' : `: ${end.reason}`}` : ' so far'
      const length = end?.how === 'ranOut' ? '' : ` of ${duration((until - at) / 1000)}`
      return `Lease ${index + 1}: from ${clock(at)} in ${queue} for ${held}${length}${ending}`
    })
    .reverse()

const ENDS: Readonly<Record<NonNullable<SeenLease['end']>['how'], string>> = {
  settled: 'settled by its consumer',
  nacked: 'given back by a nack',
  unreceived: 'given back as not received',
  deadLettered: 'dead-lettered by its consumer',
  moved: 'moved by its consumer',
  ranOut: 'and it ran out without an ack',
}

const clock = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const presentWords = (status: StatusShown, message: MessageShown | undefined, now: number): string => {
  switch (status.state) {
    case 'delayed':
      return `Delayed: visible in ${span(status.visibleAt ?? '', now)}`
    case 'ready':
      return message?.deadLetter ? 'Waits in the dead-letter queue' : 'Ready: the next poll can receive it'
    case 'leased':
      return `Leased for another ${span(status.until ?? '', now)}`
    case 'backingOff':
      return `Backs off after a failure: visible in ${span(status.visibleAt ?? '', now)}`
    case 'attemptsUsedUp':
      return 'Its attempts are used up: the next poll dead-letters it'
    case 'done':
      return `Acked ${span(status.at ?? '', now)} ago`
    case 'failed':
      return `Failed for good ${span(status.at ?? '', now)} ago`
    case 'deadLettered':
      return message?.deadLetter
        ? 'Waits in the dead-letter queue'
        : `Dead-lettered to ${status.queue}: ${status.reason}`
    case 'cancelled':
      return `Cancelled ${span(status.at ?? '', now)} ago`
    default:
      return status.reason === undefined ? 'No longer stored' : `No longer stored: ${status.reason}`
  }
}

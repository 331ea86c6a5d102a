import type { MessageJson, StatusJson } from '../api.ts'
import type { SeenLease } from '../leases-seen.ts'
import { type Html, html } from './html.ts'
import { count, counted, duration, shortReason } from './words.ts'

type State = StatusJson['state']

/** The boxes of the diagram: x, y and name. Each is 120 wide and 44 high. */
const BOXES = {
  published: [0, 60, 'published'],
  delayed: [150, 0, 'delayed'],
  ready: [300, 60, 'ready'],
  leased: [450, 60, 'leased'],
  backingOff: [375, 140, 'backing off'],
  done: [600, 0, 'acked'],
  dead: [600, 120, 'dead-lettered'],
} as const satisfies Record<string, readonly [number, number, string]>
type Box = keyof typeof BOXES

const ARROWS = [
  'M120 82 H298',
  'M60 60 V22 H148',
  'M270 22 H360 V58',
  'M420 82 H448',
  'M480 104 V122 H390 V106',
  'M510 104 V162 H497',
  'M375 162 H340 V106',
  'M570 70 H585 V22 H598',
  'M570 94 H585 V142 H598',
] as const

const BOX_OF: Readonly<Partial<Record<State, Box>>> = {
  delayed: 'delayed',
  ready: 'ready',
  leased: 'leased',
  backingOff: 'backingOff',
  attemptsUsedUp: 'ready',
  done: 'done',
  deadLettered: 'dead',
}

interface CourseFacts {
  /** Absent when the message is no longer stored. */
  readonly message: MessageJson | undefined
  /** The leases that the server has given since an instant. Absent without a server that records leases. */
  readonly seen: { readonly since: number; readonly leases: readonly SeenLease[] } | undefined
  readonly now: number
}

/** The course of a message through its states, with its leases. */
export const courseOf = (status: StatusJson, facts: CourseFacts): Html => {
  const { message } = facts
  const present = message?.deadLetter ? 'dead' : BOX_OF[status.state]
  const words = courseWords(status, facts)
  return html`<figure class="course"><svg viewBox="-2 -2 724 190" role="img" aria-label="${words[0] ?? ''}">
<defs><marker id="arrow" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L6 3 L0 6 Z"/></marker></defs>
${ARROWS.map((arrow) => html`<path d="${arrow}" marker-end="url(#arrow)"/>`)}
${Object.entries(BOXES).map(([box, [x, y, name]]) => html`<g class="${box === present ? 'here' : wasAt(box as Box, message) ? 'past' : 'other'}"><rect x="${x}" y="${y}" width="120" height="44" rx="8"/><text x="${x + 60}" y="${y + 27}">${name}</text></g>`)}
</svg><figcaption><ol>${words.map((text) => html`<li>${text}</li>`)}</ol></figcaption></figure>`
}

const wasAt = (box: Box, message: MessageJson | undefined): boolean => {
  if (!message) return box === 'published'
  if (box === 'published') return true
  if (box === 'delayed') return wasDelayed(message)
  return (box === 'ready' || box === 'leased') && (message.receiveCount > 0 || message.deadLetter !== undefined)
}

/** A dead letter is due in its queue from its move on, which is no delay. */
const wasDelayed = ({ dueAt, publishedAt, deadLetter }: MessageJson): boolean =>
  deadLetter === undefined && dueAt > publishedAt

const span = (from: string, to: string | number): string =>
  duration(Math.abs((typeof to === 'number' ? to : Date.parse(to)) - Date.parse(from)) / 1000)

/** The present state, then the earlier events, the latest first. */
const courseWords = (status: StatusJson, { message, seen, now }: CourseFacts): string[] => {
  const leases = seen
    ? leaseWords(seen.leases, message, now)
    : message
      ? storedLeaseWords(message, status.state, now)
      : []
  const words = [presentWords(status, message, now), ...leases]
  if (!message) return words
  const { deadLetter, receiveCount, firstReceivedAt, publishedAt, dueAt } = message
  if (deadLetter) {
    const receives = deadLetter.receiveCount
    words.push(
      `Dead-lettered ${span(deadLetter.at, now)} ago out of ${deadLetter.queue} after ${counted(receives, 'receive')}: ${shortReason(deadLetter.reason)}`,
    )
  } else if (receiveCount > 0 && firstReceivedAt !== undefined) {
    const ended = receiveCount - (status.state === 'leased' ? 1 : 0)
    words.push(
      `First received ${span(firstReceivedAt, now)} ago, ${span(publishedAt, firstReceivedAt)} after its publish; ${count(ended)} of ${count(receiveCount)} leases ended without an ack. ${leaseCoverage(receiveCount, seen)}`,
    )
  }
  if (wasDelayed(message)) words.push(`Due ${span(publishedAt, dueAt)} after its publish`)
  words.push(`Published ${span(publishedAt, now)} ago`)
  return words
}

/**
 * What the queue itself stores of the leases, the latest first: the number of receives, when the first lease began, and until when the
 * latest one lasts. A message that was received once has all of it.
 */
const storedLeaseWords = (message: MessageJson, state: State, now: number): string[] => {
  const { receiveCount, firstReceivedAt } = message
  if (receiveCount === 0 || firstReceivedAt === undefined) return []
  const first = `Lease 1: from ${clock(Date.parse(firstReceivedAt))}`
  if (receiveCount === 1) return [`${first}${latestEnd(message, state, `, for ${span(firstReceivedAt, now)} so far`)}`]
  return [
    `Lease ${receiveCount}: its begin is not stored${latestEnd(message, state)}`,
    ...(receiveCount > 2 ? [`Leases 2 to ${receiveCount - 1}: not stored`] : []),
    `${first}; its end is not stored`,
  ]
}

const latestEnd = ({ visibleAt }: MessageJson, state: State, soFar = ''): string => {
  if (state === 'leased')
    return `${soFar}; it ends at ${clock(Date.parse(visibleAt))} unless its consumer settles or extends it`
  if (state === 'backingOff') return '; given back by its consumer, or rescheduled, at a time that is not stored'
  return `; it, and any delay after it, ended at ${clock(Date.parse(visibleAt))}`
}

const leaseCoverage = (receives: number, seen: CourseFacts['seen']): string => {
  if (!seen) return 'A table stores no more of them: only a local server records each lease.'
  const missing = receives - seen.leases.length
  return missing <= 0
    ? 'The list has all of them.'
    : `The list lacks ${counted(missing, 'lease')}: this server started at ${clock(seen.since)}.`
}

/** A line for each lease, the latest first: its begin, its length, and how it ended. */
const leaseWords = (leases: readonly SeenLease[], message: MessageJson | undefined, now: number): string[] =>
  leases
    .map((lease, index) => {
      const { at, until, queue, end } = lease
      const held = `${duration(((end?.at ?? now) - at) / 1000)}`
      const ending = end
        ? `, ${ENDS[end.how]}${end.reason === undefined ? '' : `: ${reasonWords(end.reason, message)}`}`
        : ' so far'
      const length = end?.how === 'ranOut' ? '' : ` of ${duration((until - at) / 1000)}`
      return `Lease ${index + 1}: from ${clock(at)} in ${queue} for ${held}${length}${ending}`
    })
    .reverse()

/** A dead letter's own reason is short here: the facts of the message show all of it. */
const reasonWords = (reason: string, message: MessageJson | undefined): string =>
  reason === message?.deadLetter?.reason ? shortReason(reason) : reason

const ENDS: Readonly<Record<NonNullable<SeenLease['end']>['how'], string>> = {
  settled: 'settled by its consumer',
  nacked: 'released by a nack',
  unreceived: 'released without a receive',
  deadLettered: 'dead-lettered by its consumer',
  moved: 'moved by its consumer',
  ranOut: 'expired without an ack',
}

const clock = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const presentWords = (status: StatusJson, message: MessageJson | undefined, now: number): string => {
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
      return 'The attempts are used up: the next poll dead-letters the message'
    case 'done':
      return `Acked ${span(status.at ?? '', now)} ago`
    case 'failed':
      return `Failed permanently ${span(status.at ?? '', now)} ago`
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

import type { MessageJson, UnreadableJson } from '../api.ts'
import { type ConsoleContext, queueHref } from '../context.ts'
import { decodedBody, type ShownBounds } from './body.ts'
import { type Html, html } from './html.ts'
import { ageSeconds, bytes, count, counted, duration } from './words.ts'

const PREVIEW = 120
/** Unreadable items that a screen names. */
const NAMED = 5
/** A page has hundreds of rows. Five kilobytes of gzip can unpack to megabytes, and the indents of JSON are not even shown in a row. */
const IN_A_ROW: ShownBounds = { unpackedBytes: 64_000, indentedValues: 100 }

/** The beginning of a body in one line. Only the size when payloads are hidden. */
export const preview = ({ hidePayloads }: ConsoleContext, message: MessageJson): Html => {
  const decoded = decodedBody(message, IN_A_ROW)
  if (hidePayloads) return html`<span class="dim">${bytes(decoded.bytes)}, hidden</span>`
  const line = decoded.text.replace(/\s+/g, ' ')
  if (line === '') return html`<span class="dim">empty</span>`
  return html`<code>${line.length > PREVIEW ? `${line.slice(0, PREVIEW)}…` : line}</code>`
}

export const messageHref = ({ queue, messageId }: Pick<MessageJson, 'queue' | 'messageId'>): string =>
  queueHref(queue, 'messages', messageId)

/** Says how many items' messages a screen lacks, since they can't be read. Nothing where it lacks none. */
export const unreadableNote = ({ hidePayloads }: ConsoleContext, items: UnreadableJson): Html | undefined => {
  if (!items?.length) return undefined
  // A reason may quote what is stored.
  const named = items
    .slice(0, NAMED)
    .map(({ item, reason }) => html`<li><code>${item}</code>${!hidePayloads && html`: ${reason}`}</li>`)
  const more = items.length > NAMED && html`<li>${counted(items.length - NAMED, 'further item')}</li>`
  return html`<div class="warned"><p>The messages of ${counted(items.length, 'stored item')} can't be read, and are missing here. An item is damaged, or a newer version of Holdfast wrote it: then use that version. Nothing deletes it.</p><ul>${named}${more}</ul></div>`
}

/** A table of messages. Each row links to the screen of its message. */
export const messageTable = (context: ConsoleContext, messages: readonly MessageJson[]): Html => {
  const now = context.now()
  return html`<table class="rows"><thead><tr><th scope="col">Message</th><th scope="col">State</th><th scope="col">Body</th><th scope="col" class="n">Receives</th><th scope="col" class="n">Age</th></tr></thead>
<tbody>${messages.map(
    (
      message,
    ) => html`<tr class="row"><th scope="row"><a class="go id" href="${messageHref(message)}">${message.messageId}</a>${message.groupId !== undefined && html`<span class="dim"> ${message.groupId}</span>`}</th>
<td data-label="State"><span class="state s-${message.state}">${message.state}</span>${whenVisible(message, now)}</td>
<td data-label="Body" class="body">${preview(context, message)}</td>
<td data-label="Receives" class="n">${count(message.receiveCount)}</td>
<td data-label="Age" class="n">${duration(ageSeconds(message.publishedAt, now))}</td></tr>`,
  )}</tbody></table>`
}

const whenVisible = ({ state, visibleAt }: MessageJson, now: number): Html | undefined => {
  const seconds = (Date.parse(visibleAt) - now) / 1000
  if (seconds <= 0 || (state !== 'delayed' && state !== 'leased')) return undefined
  return html`<span class="dim"> for another ${duration(seconds)}</span>`
}

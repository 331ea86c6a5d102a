import { type MessageAnswer, type MessageJson, problemIn, type StatusJson } from '../api.ts'
import { BASE, type ConsoleContext, type Page, queueHref } from '../context.ts'
import type { SeenLease } from '../leases-seen.ts'
import { decodedBody } from '../views/body.ts'
import { courseOf } from '../views/course.ts'
import { type Html, html } from '../views/html.ts'
import { messageActions } from '../views/message-actions.ts'
import { bytes, count, counted, instant } from '../views/words.ts'

const isStored = (message: MessageAnswer): message is Extract<MessageAnswer, { state: string }> => 'state' in message

/** One message: its course, its body, and the actions on it. */
export const messagePage: Page = async (context, { params: { queue = '', messageId = '' } }) => {
  const { api, leases } = context
  const seen = leases && { since: leases.since, leases: leases.of(messageId) }
  const message = await api.message(queue, messageId).catch((error: unknown) => {
    if (problemIn(error)?.code === 'MessageNotFound' && seen?.leases.length)
      return removedMessage(queue, messageId, seen.leases)
    throw error
  })
  return {
    title: messageId,
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
    ],
    version: [message, seen?.leases],
    main: html`<h1>Message <span class="id">${messageId}</span></h1>
${courseOf(message.status, { message: isStored(message) ? message : undefined, seen, now: context.now() })}
${isStored(message) ? html`${messageActions(context, queue, message)}${bodyOf(context, message)}${facts(message, context.now())}` : html`<p>The message is no longer stored.</p>`}`,
  }
}

/** Describes a message that is no longer stored, from the leases that the server has given. */
const removedMessage = (queue: string, messageId: string, leases: readonly SeenLease[]): MessageAnswer => {
  const end = leases.at(-1)?.end
  const status: StatusJson =
    end?.how === 'settled' ? { state: 'done', at: new Date(end.at).toISOString() } : { state: 'gone' }
  return { messageId, queue, status }
}

const bodyOf = ({ hidePayloads }: ConsoleContext, message: MessageJson): Html => {
  const { kind, text, bytes: size, steps, cut } = decodedBody(message)
  const attributes = Object.entries(message.attributes)
  const about = [kind, bytes(size), ...(steps.length > 0 ? [`decoded: ${steps.join(', ')}`] : [])].join(' · ')
  if (hidePayloads) {
    return html`<h2>Body</h2><p class="dim">${about}. Payloads are hidden: the body and ${counted(attributes.length, 'attribute')}.</p>`
  }
  return html`<h2>Body</h2><p class="dim">${about}</p><pre tabindex="0" aria-label="Body">${text}</pre>${cut && html`<p class="dim">This is the beginning. The whole body has ${bytes(size)}.</p>`}
${attributes.length > 0 && html`<h2>Attributes</h2><dl class="facts">${attributes.map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${typeof value === 'object' ? JSON.stringify(value) : value}</code></dd></div>`)}</dl>`}`
}

const facts = (message: MessageJson, now: number): Html => {
  const { deadLetter } = message
  const lines: (readonly [string, Html | string | number | undefined])[] = [
    ['Queue', html`<a href="${queueHref(message.queue)}">${message.queue}</a>`],
    ['Published', instant(message.publishedAt, now)],
    ['Due', instant(message.dueAt, now)],
    ['Visible', instant(message.visibleAt, now)],
    ['Expires', instant(message.expiresAt, now)],
    ['Receives', count(message.receiveCount)],
    ['First received', message.firstReceivedAt && instant(message.firstReceivedAt, now)],
    ['Priority', message.priority],
    ['Group', message.groupId],
    ['Deduplication id', message.deduplicationId],
    ['Sequence number', message.sequenceNumber],
    ['Trace', message.traceHeader],
    ['Sender', message.senderId],
    [
      'Failed in',
      deadLetter &&
        html`<a href="${queueHref(deadLetter.queue)}">${deadLetter.queue}</a>, after ${counted(deadLetter.receiveCount, 'receive')}`,
    ],
    ['Reason', deadLetter && html`<span class="lines">${deadLetter.reason}</span>`],
    ['Dead-lettered', deadLetter && instant(deadLetter.at, now)],
  ]
  return html`<h2>Facts</h2><dl class="facts">${lines.flatMap(([name, value]) => (value === undefined ? [] : [html`<div><dt>${name}</dt><dd>${value}</dd></div>`]))}</dl>`
}

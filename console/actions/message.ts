import { type MessageAnswer, type MessageJson, problemIn } from '../api.ts'
import { type Action, BASE, type ConsoleContext, type Page, queueHref, type Screen } from '../context.ts'
import { failureScreen } from '../pages/problem.ts'
import { decodedBody, jsonText } from '../views/body.ts'
import { area, changeForm, check, choice, field } from '../views/forms.ts'
import { html } from '../views/html.ts'
import { bytes, counted, instant } from '../views/words.ts'
import { messageFrom, publishOne, wrongField } from './send.ts'

const isStored = (message: MessageAnswer): message is Extract<MessageAnswer, { state: string }> => 'state' in message

const trailOf = (queue: string, messageId: string): Screen['trail'] => [
  ['Queues', BASE],
  [queue, queueHref(queue)],
  [messageId, queueHref(queue, 'messages', messageId)],
]

const GONE = failureScreen(
  404,
  'Gone',
  'The message is no longer stored: it was acked, cancelled, moved or has expired',
)

export const rescheduleAction: Action = async ({ api }, { params: { queue = '', messageId = '' } }, form) => {
  const delaySeconds = Number(form.get('delaySeconds') || 0)
  const { dueAt } = await api.reschedule(queue, messageId, { delaySeconds })
  return { to: queueHref(queue, 'messages', messageId), notice: `The message is due at ${dueAt}.` }
}

export const resendAction: Action = async ({ api }, { params: { queue = '', messageId = '' } }) => {
  const message = await api.resend(queue, messageId)
  return { to: queueHref(message.queue, 'messages', messageId), notice: `The message is back in ${message.queue}.` }
}

/** Asks for confirmation of a cancellation, and shows which message it deletes. */
export const cancelPage: Page = async (context, { params: { queue = '', messageId = '' } }) => {
  const message = await context.api.message(queue, messageId)
  if (!isStored(message)) return GONE
  return {
    title: 'Cancel',
    trail: trailOf(queue, messageId),
    main: html`<h1>Cancel this message?</h1>
<p>This deletes <b>1 message</b> of ${bytes(decodedBody(message).bytes)}, published ${instant(message.publishedAt, context.now())} and received ${counted(message.receiveCount, 'time')}. A deletion can't be undone.</p>
${changeForm(context, queueHref(queue, 'messages', messageId, 'cancel'), html`<button class="danger">Delete 1 message</button> <a href="${queueHref(queue, 'messages', messageId)}">Keep the message</a>`)}`,
  }
}

export const cancelAction: Action = async ({ api }, { params: { queue = '', messageId = '' } }) => {
  await api.cancel(queue, messageId)
  return { to: queueHref(queue), notice: `The message ${messageId} is cancelled.` }
}

/** A form with the content of a message, which is sent as a new message. */
export const editPage: Page = async (context, { params: { queue = '', messageId = '' } }) => {
  if (context.hidePayloads)
    return failureScreen(403, 'Payloads are hidden', 'The console was started with --hide-payloads')
  const message = await context.api.message(queue, messageId)
  if (!isStored(message)) return GONE
  return {
    title: 'Edit and send',
    trail: trailOf(queue, messageId),
    main: html`<h1>Edit and send</h1>
<p>The edited message is a new message with a new id. The present message stays, unless you choose to cancel it. The console cancels it after the edited message is stored.</p>
${context.readOnly && html`<p>The console is read-only.</p>`}${editForm(context, queue, message)}`,
  }
}

const editForm = (context: ConsoleContext, queue: string, message: MessageJson) => {
  const { kind, text } = editable(message)
  const attributes = Object.keys(message.attributes).length > 0 ? JSON.stringify(message.attributes, null, 2) : ''
  return changeForm(
    context,
    queueHref(queue, 'messages', message.messageId, 'edit'),
    html`${field({ name: 'to', label: 'Queue', value: message.deadLetter?.queue ?? queue })}
${choice('kind', 'The body is', kind, [
  ['json', 'JSON'],
  ['text', 'text'],
  ['base64', 'bytes in base64'],
])}
${area('body', 'Body', text)}${area('attributes', 'Attributes', attributes, 'A JSON object; empty for none')}
${field({ name: 'delaySeconds', label: 'Delay in seconds', type: 'number', min: 0, step: 'any' })}
${field({ name: 'groupId', label: 'Message group', value: message.groupId })}
${check('cancel', 'Cancel the present message after the edited one is stored')}
<button>Send the edited message</button>`,
  )
}

/** A body in the form in which it can be edited and sent without a loss. */
const editable = ({ body, bodyBase64 }: MessageJson): { readonly kind: string; readonly text: string } => {
  if (bodyBase64 !== undefined) return { kind: 'base64', text: bodyBase64 }
  if (typeof body === 'string') return { kind: 'text', text: body }
  return { kind: 'json', text: jsonText(body) }
}

/** Publishes the edited message before it cancels the present one: a crash in between leaves both messages, and never none. */
export const editAction: Action = async ({ api, hidePayloads }, { params: { queue = '', messageId = '' } }, form) => {
  if (hidePayloads) return failureScreen(403, 'Payloads are hidden', 'The console was started with --hide-payloads')
  const message = messageFrom(form)
  if (typeof message === 'string') return wrongField(message)
  const target = (form.get('to') ?? '').trim() || queue
  const sent = await publishOne(api, target, message)
  const to = queueHref(target, 'messages', sent)
  if (form.get('cancel') !== 'yes')
    return { to, notice: 'The edited message is sent. The earlier message is still stored.' }
  try {
    await api.cancel(queue, messageId)
    return { to, notice: 'The edited message is sent, and the earlier message is cancelled.' }
  } catch (error) {
    const problem = problemIn(error)
    if (!problem) throw error
    return {
      to,
      notice: `The edited message is sent, but the earlier message could not be cancelled: ${problem.detail}.`,
    }
  }
}

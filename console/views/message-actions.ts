import type { MessageJson } from '../api.ts'
import { type ConsoleContext, queueHref } from '../context.ts'
import { changeForm, field } from './forms.ts'
import { type Html, html } from './html.ts'

/** The actions on a message. A consumer holds a leased message, so only an edited copy of it can be sent. */
export const messageActions = (context: ConsoleContext, queue: string, message: MessageJson): Html | undefined => {
  if (context.readOnly) return undefined
  const { messageId, deadLetter, state } = message
  const at = (verb: string) => queueHref(queue, 'messages', messageId, verb)
  const free = state !== 'leased'
  return html`<section class="actions" aria-label="Actions">
${deadLetter && free && changeForm(context, queueHref(deadLetter.queue, 'messages', messageId, 'resend'), html`<button>Send back to ${deadLetter.queue}</button>`)}
${free && changeForm(context, at('reschedule'), html`${field({ name: 'delaySeconds', label: 'Due in seconds', type: 'number', min: 0, value: 0, step: 'any' })}<button>Reschedule</button>`)}
${context.hidePayloads ? undefined : html`<a class="button" href="${at('edit')}">Edit and send</a>`}
${free && html`<a class="button danger" href="${at('cancel')}">Cancel</a>`}
${!free && html`<p class="dim">A consumer holds the message: it can't be rescheduled or cancelled until the lease ends.</p>`}
</section>`
}

import type { MessageJson, QueueJson } from '../api.ts'
import { BASE, type ConsoleContext, type Page, queueHref } from '../context.ts'
import { changeForm, field } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { messageHref, preview, unreadableNote } from '../views/messages.ts'
import { ageSeconds, counted, duration, shortReason } from '../views/words.ts'
import { firstMessages, grouped } from './groups.ts'

/** Messages that the screen lists for each reason. It only counts the others. */
const LISTED = 25

/** Dead letters of a queue, or in a dead-letter queue, by reason. */
export const deadPage: Page = async (context, { params: { queue: name = '' } }) => {
  const queue = await context.api.queue(name)
  // A dead-letter queue begins with dead letters. If several queues share it, the first ones may belong to the other queues.
  const endsAtNone = queue.deadLetter === undefined
  const { messages, unreadable, more } = await firstMessages(context.api, name, { states: 'deadLettered', endsAtNone })
  const home = queue.deadLetter?.queue ?? name
  const groups = [...grouped(messages, ({ deadLetter }) => deadLetter?.reason ?? '')]
  groups.sort(([, a], [, b]) => b.length - a.length)
  return {
    title: 'Dead letters',
    trail: [
      ['Queues', BASE],
      [name, queueHref(name)],
    ],
    version: groups.map(([reason, held]) => [reason, held.map(({ messageId }) => messageId)]),
    main: html`<h1>Dead letters of ${name}</h1>
<p class="dim">${coverage(queue, messages.length, more)}</p>
${unreadableNote(context, unreadable)}
${groups.length === 0 ? html`<p>There is none.</p>` : letters(context, home, groups)}
<p><a href="${BASE}/redrives">Redrives</a></p>`,
  }
}

const coverage = ({ name, deadLetter }: QueueJson, shown: number, more: boolean): string => {
  const where = deadLetter ? `in ${deadLetter.queue} that failed in ${name}` : `in ${name}`
  return more
    ? `The first ${counted(shown, 'dead letter')} ${where}. There may be more.`
    : `All ${counted(shown, 'dead letter')} ${where}.`
}

type Groups = readonly (readonly [string, readonly MessageJson[]])[]

/** One form with the dead letters of all reasons. It leads to a try of the selected ones. */
const letters = (context: ConsoleContext, home: string, groups: Groups): Html => {
  const lists = groups.map(([reason, held], index) => letterGroup(context, reason, held, index))
  return (
    changeForm(
      context,
      queueHref(home, 'dead', 'try'),
      html`${lists}
<fieldset><legend>Send back</legend><div class="fields">${field({ name: 'destination', label: 'To the queue', hint: 'Empty: each message to the queue in which it failed' })}${field({ name: 'maxPerSecond', label: 'At most, messages a second', type: 'number', min: 1, max: 500, hint: 'Empty: no limit' })}${!context.hidePayloads && field({ name: 'bodyContains', label: 'Only those whose body contains' })}</div>
<button name="which" value="selected">Try with the selected</button> <button name="which" value="all">Try with all of the queue</button>
<p class="dim">A try moves nothing. It shows what a redrive would send back, and asks for confirmation.</p></fieldset>`,
    ) ?? html`${lists}`
  )
}

const letterGroup = (context: ConsoleContext, reason: string, held: readonly MessageJson[], index: number): Html => {
  const now = context.now()
  const oldest = held.map(({ deadLetter, publishedAt }) => deadLetter?.at ?? publishedAt).sort()[0] ?? ''
  const id = `reason-${index}`
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${shortReason(reason) || 'Not dead-lettered: published to this queue'} <span class="dim">${counted(held.length, 'message')}, the oldest for ${duration(ageSeconds(oldest, now))}</span></h2>
${shortReason(reason) !== reason && html`<details id="whole-${id}"><summary>The whole reason</summary><pre>${reason}</pre></details>`}
${!context.readOnly && html`<p class="field check"><input type="checkbox" id="all-${id}" name="reason" value="${reason}" data-all="${id}"><label for="all-${id}">All ${counted(held.length, 'message')} of this reason</label></p>`}
<table class="rows" data-group="${id}"><thead><tr><th scope="col">Message</th><th scope="col">Body</th><th scope="col">Failed in</th><th scope="col" class="n">Receives</th><th scope="col" class="n">Since</th></tr></thead>
<tbody>${held.slice(0, LISTED).map((message) => letterRow(context, message, now))}</tbody></table>
${held.length > LISTED && html`<p class="dim">${counted(held.length - LISTED, 'further message')} of this reason.</p>`}</section>`
}

const letterRow = (context: ConsoleContext, message: MessageJson, now: number): Html => {
  const { messageId, deadLetter, publishedAt, receiveCount } = message
  return html`<tr class="row"><th scope="row">${!context.readOnly && html`<input type="checkbox" name="id" value="${messageId}" aria-label="Select ${messageId}"> `}<a class="go id" href="${messageHref(message)}">${messageId}</a></th>
<td data-label="Body" class="body">${preview(context, message)}</td><td data-label="Failed in">${deadLetter?.queue ?? '–'}</td>
<td data-label="Receives" class="n">${deadLetter?.receiveCount ?? receiveCount}</td><td data-label="Since" class="n">${duration(ageSeconds(deadLetter?.at ?? publishedAt, now))}</td></tr>`
}

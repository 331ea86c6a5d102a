import type { MessageJson, QueueJson } from '../api.ts'
import { BASE, type ConsoleContext, type Page, queueHref, type Visit } from '../context.ts'
import { onFailure, type Trouble, troubles } from '../trouble.ts'
import { flowChart, stateChart } from '../views/charts.ts'
import { changeForm } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { messageTable, unreadableNote } from '../views/messages.ts'
import { ageSeconds, count, duration, instant } from '../views/words.ts'
import { queueIfExists, troubleLink } from './queues.ts'
import { triggerOf, triggerPart } from './triggers.ts'

const PAGE = 25

/** The states by which the screen filters messages, with the API's names. */
const STATES = [
  ['', 'all'],
  ['ready', 'ready'],
  ['leased', 'leased'],
  ['delayed', 'delayed'],
  ['backingOff', 'backing off'],
  ['attemptsUsedUp', 'attempts used up'],
] as const

/** One queue: its counts, its charts, and its messages by state. */
export const queuePage: Page = async (context, visit) => {
  const { queue: name = '' } = visit.params
  const states = STATES.find(([state]) => state === visit.query.get('state'))?.[0] || undefined
  const cursor = visit.query.get('cursor') || undefined
  const [queue, page, trigger] = await Promise.all([
    context.api.queue(name),
    context.api.browse(name, { limit: PAGE, cursor, states }),
    triggerOf(context.api, name),
  ])
  const target = queue.deadLetter && (await queueIfExists(context.api, queue.deadLetter.queue))
  const now = context.now()
  if (queue.counts) context.history.add(name, { at: now, ...queue.counts })
  const dead = target?.counts && target.counts.ready + target.counts.leased + target.counts.delayed
  const missing = queue.deadLetter !== undefined && target === undefined
  const found = troubles({ queue, sources: sourcesIn(page.messages), deadLetterQueueMissing: missing }, now)
  return {
    title: name,
    trail: [['Queues', BASE]],
    version: [
      queue,
      dead,
      trigger,
      context.flows?.of(name).at(-2),
      page.unreadable,
      page.messages.map(({ messageId, state, receiveCount }) => [messageId, state, receiveCount]),
    ],
    main: html`<h1>${name}</h1>
${found.length > 0 && troubleList(name, found)}
${numbers(queue, dead, now)}
${stateChart(context.history.of(name))}
${flowPart(context, name)}
<p class="dim">${onFailure(queue)}. Created ${instant(queue.createdAt, now)}.</p>
${links(context, queue)}
${triggerPart(trigger, now)}
<h2 id="messages">Messages</h2>
${stateTabs(name, states)}${unreadableNote(context, page.unreadable)}
${page.messages.length === 0 ? html`<p>${cursor === undefined ? 'There is none.' : 'There are no more messages on this page.'}</p>` : messageTable(context, page.messages)}
${page.cursor !== undefined && html`<p><a href="${nextHref(visit, name, page.cursor)}">Next messages</a></p>`}`,
  }
}

/** The chart of messages a second, on the local server only: it handles every message. A deployed table provides only counts. */
const flowPart = ({ flows }: ConsoleContext, name: string): Html | undefined => {
  const seen = flows?.of(name)
  return flows && seen?.length ? flowChart(flows, seen) : undefined
}

/** The queues from which these messages were dead-lettered. */
const sourcesIn = (messages: readonly MessageJson[]): string[] => [
  ...new Set(messages.flatMap(({ deadLetter }) => deadLetter?.queue ?? [])),
]

const troubleList = (name: string, found: readonly Trouble[]): Html =>
  html`<ul class="troubles">${found.map((one) => html`<li>${troubleLink(name, one)}${one.cures.map(({ command, effect }) => html`<span class="dim">${effect}${command !== undefined && html`: <code>holdfast ${command}</code>`}</span>`)}</li>`)}</ul>`

const nextHref = ({ query }: Visit, name: string, cursor: string): string =>
  `${queueHref(name)}?${new URLSearchParams({ state: query.get('state') ?? '', cursor })}#messages`

const stateTabs = (name: string, present: string | undefined): Html =>
  html`<nav class="tabs" aria-label="Messages by state">${STATES.map(
    ([state, text]) =>
      html`<a href="${queueHref(name)}?state=${state}#messages"${(present ?? '') === state && html` aria-current="page"`}>${text}</a>`,
  )}</nav>`

const numbers = ({ counts, deadLetter }: QueueJson, dead: number | undefined, now: number): Html => {
  const { ready = 0, leased = 0, delayed = 0, oldestReadyAt, exact = true } = counts ?? {}
  const about = exact ? '' : '≈'
  const age = oldestReadyAt === undefined ? '–' : duration(ageSeconds(oldestReadyAt, now))
  return html`<dl class="numbers">
<div class="k-ready"><dt>Ready</dt><dd>${about}${count(ready)}</dd></div>
<div class="k-leased"><dt>Leased</dt><dd>${about}${count(leased)}</dd></div>
<div class="k-delayed"><dt>Delayed</dt><dd>${about}${count(delayed)}</dd></div>
<div><dt>Oldest ready</dt><dd>${age}</dd></div>
${deadLetter && html`<div class="k-dead"><dt>Dead letters</dt><dd>${dead === undefined ? '–' : count(dead)}</dd></div>`}
</dl>${!exact && html`<p class="dim">The queue is too large for an exact count. Its counts are estimates from the density of its messages.</p>`}`
}

const links = (context: ConsoleContext, { name, deadLetter, paused }: QueueJson): Html =>
  html`<div class="links"><a href="${queueHref(name, 'groups')}">Groups by backlog</a>
<a href="${queueHref(name, 'dead')}">Dead letters</a>
${deadLetter && html`<a href="${queueHref(deadLetter.queue)}">${deadLetter.queue}</a>`}
<a href="${queueHref(name, 'settings')}">Settings</a>
${!context.readOnly && html`<a href="${queueHref(name, 'send')}">Send a message</a> <a class="danger" href="${queueHref(name, 'purge')}">Purge</a> <a class="danger" href="${queueHref(name, 'delete')}">Delete</a>`}
${changeForm(context, queueHref(name, 'pause'), html`<button name="paused" value="${paused ? 'no' : 'yes'}">${paused ? 'Resume' : 'Pause'}</button>`)}</div>`

import { type ConsoleApi, problemIn, type QueueJson } from '../api.ts'
import { BASE, type ConsoleContext, type Page, queueHref } from '../context.ts'
import { byTrouble, CAUSE_SCREEN, levelOf, onFailure, type QueueFacts, type Trouble, troubles } from '../trouble.ts'
import { sparkline } from '../views/charts.ts'
import { changeForm, field } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { ageSeconds, count, duration } from '../views/words.ts'

interface Row {
  readonly facts: QueueFacts
  readonly found: readonly Trouble[]
}

/** The queues, those in trouble first. */
export const queuesPage: Page = async (context, { query }) => {
  const prefix = query.get('prefix') || undefined
  const { queues, cursor } = await context.api.queues({ prefix, cursor: query.get('cursor') || undefined })
  const now = context.now()
  const facts = await factsOf(context.api, queues)
  const rows = facts.map((one) => ({ facts: one, found: troubles(one, now) })).sort(byTrouble)
  for (const { name, counts } of queues) if (counts) context.history.add(name, { at: now, ...counts })
  return {
    title: 'Queues',
    trail: [],
    version: rows.map(({ facts: { queue, dead } }) => [queue.name, queue.counts, dead, queue.modifiedAt]),
    main: html`<h1>Queues</h1>
${rows.length === 0 ? empty(prefix) : table(context, rows, now)}
${cursor !== undefined && html`<p><a href="${nextPage(prefix, cursor)}">Next queues</a> <span class="dim">Only the ${count(rows.length)} queues of this page are ordered by trouble.</span></p>`}
${newQueue(context)}`,
  }
}

const nextPage = (prefix: string | undefined, cursor: string): string =>
  `${BASE}?${new URLSearchParams({ ...(prefix !== undefined && { prefix }), cursor })}`

/** Reads dead-letter queues that are on another page of the list one by one, for their counts. */
const factsOf = async (api: ConsoleApi, queues: readonly QueueJson[]): Promise<QueueFacts[]> => {
  const shown = new Map(queues.map((queue) => [queue.name, queue]))
  const targets = new Set(queues.flatMap(({ deadLetter }) => (deadLetter ? [deadLetter.queue] : [])))
  const others = [...targets].filter((name) => !shown.has(name))
  const read = new Map(await Promise.all(others.map(async (name) => [name, await queueIfExists(api, name)] as const)))
  return queues.map((queue) => factsAbout(queue, queues, (name) => shown.get(name) ?? read.get(name)))
}

const factsAbout = (
  queue: QueueJson,
  all: readonly QueueJson[],
  find: (name: string) => QueueJson | undefined,
): QueueFacts => {
  const target = queue.deadLetter && find(queue.deadLetter.queue)
  return {
    queue,
    sources: all.filter(({ deadLetter }) => deadLetter?.queue === queue.name).map(({ name }) => name),
    dead: target && total(target),
    deadLetterQueueMissing: queue.deadLetter !== undefined && target === undefined,
  }
}

const total = ({ counts }: QueueJson): number => (counts ? counts.ready + counts.leased + counts.delayed : 0)

/** Reads a queue. Resolves to undefined when it does not exist. */
export const queueIfExists = (api: ConsoleApi, name: string): Promise<QueueJson | undefined> =>
  api.queue(name).catch((error: unknown) => {
    if (problemIn(error)?.code === 'QueueNotFound') return undefined
    throw error
  })

const empty = (prefix: string | undefined): Html =>
  prefix === undefined
    ? html`<p>There is no queue yet.</p>`
    : html`<p>No queue has a name that begins with <b>${prefix}</b>. <a href="${BASE}">All queues</a></p>`

const table = (context: ConsoleContext, rows: readonly Row[], now: number): Html => html`<table class="rows">
<thead><tr><th scope="col">Queue</th><th scope="col">State</th><th scope="col" class="n">Ready</th><th scope="col" class="n">Leased</th><th scope="col" class="n">Delayed</th><th scope="col" class="n">Dead</th><th scope="col" class="n">Oldest</th><th scope="col">Backlog</th><th scope="col">When work fails</th></tr></thead>
<tbody>${rows.map((row) => tableRow(context, row, now))}</tbody></table>`

const tableRow = ({ history }: ConsoleContext, { facts, found }: Row, now: number): Html => {
  const { queue, dead } = facts
  const { ready = 0, leased = 0, delayed = 0, oldestReadyAt, exact = true } = queue.counts ?? {}
  const about = exact ? '' : '≈'
  return html`<tr class="row ${levelOf(found)}"><th scope="row"><a class="go" href="${queueHref(queue.name)}">${queue.name}</a></th>
<td data-label="State">${troubleText(facts, found)}</td>
<td data-label="Ready" class="n">${about}${count(ready)}</td><td data-label="Leased" class="n">${about}${count(leased)}</td><td data-label="Delayed" class="n">${about}${count(delayed)}</td>
<td data-label="Dead" class="n">${dead === undefined ? '–' : dead > 0 ? html`<a href="${queueHref(queue.name, 'dead')}">${count(dead)}</a>` : '0'}</td>
<td data-label="Oldest" class="n">${oldestReadyAt === undefined ? '–' : duration(ageSeconds(oldestReadyAt, now))}</td>
<td data-label="Backlog">${sparkline(history.of(queue.name)) ?? '–'}</td>
<td data-label="When work fails" class="dim">${onFailure(queue)}</td></tr>`
}

const troubleText = ({ queue, sources }: QueueFacts, found: readonly Trouble[]): Html => {
  if (found.length > 0) return html`${found.map((trouble) => troubleLink(queue.name, trouble))}`
  return sources.length > 0
    ? html`<span class="dim">Dead letters of ${sources.join(', ')}</span>`
    : html`<span class="ok">Fine</span>`
}

/** The text of a trouble, with a link to the screen that shows its cause. */
export const troubleLink = (queue: string, { code, level, what }: Trouble): Html => {
  const at = CAUSE_SCREEN[code]
  const href = at === 'messages' ? `${queueHref(queue)}#messages` : queueHref(queue, at)
  return html`<a class="trouble ${level}" href="${href}">${what.charAt(0).toUpperCase()}${what.slice(1)}</a>`
}

const newQueue = (context: ConsoleContext): Html | undefined =>
  changeForm(
    context,
    `${BASE}/queues`,
    html`<details><summary>New queue</summary>${field({ name: 'queue', label: 'Name', hint: 'Letters, digits, hyphens and underscores. The name of a FIFO queue ends in .fifo' })}<button>Create the queue</button></details>`,
  )

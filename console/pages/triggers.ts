import { type ConsoleApi, problemIn, type TriggerShown } from '../api.ts'
import { BASE, type Page, queueHref } from '../context.ts'
import { type Html, html } from '../views/html.ts'
import { count, counted, distance, duration, instant } from '../views/words.ts'

/** The triggers of all queues, those with a run under way first. */
export const triggersPage: Page = async ({ api, now }, { query }) => {
  const { triggers, cursor } = await api.triggers({ cursor: query.get('cursor') || undefined })
  const running = triggers.filter((trigger) => trigger.running)
  const others = triggers.filter((trigger) => !trigger.running)
  return {
    title: 'Triggers',
    trail: [['Queues', BASE]],
    version: triggers,
    main: html`<h1>Triggers</h1>
<p class="dim">A trigger delivers the messages of a queue to a function. A run of it begins when a message can be received, and ends when none is left.</p>
<h2>Under way</h2>${running.length === 0 ? html`<p>No run is under way.</p>` : table(running, now())}
<h2>Others</h2>${others.length === 0 ? html`<p>There is none.</p>` : table(others, now())}
${cursor !== undefined && html`<p><a href="${BASE}/triggers?${new URLSearchParams({ cursor }).toString()}">Next triggers</a></p>`}`,
  }
}

const table = (triggers: readonly TriggerShown[], now: number): Html =>
  html`<table class="rows"><thead><tr><th scope="col">Queue</th><th scope="col">State</th><th scope="col">Function</th><th scope="col" class="n">Batch</th><th scope="col" class="n">Slots held</th><th scope="col">Last run</th><th scope="col">Filter</th></tr></thead><tbody>${triggers.map(
    (trigger) => {
      const { queue, functionName, batchSize, slotsTaken, maxConcurrency } = trigger
      return html`<tr class="row"><th scope="row"><a class="go" href="${queueHref(queue)}">${queue}</a></th>
<td data-label="State">${stateOf(trigger)}</td><td data-label="Function" class="body"><code>${functionName}</code></td>
<td data-label="Batch" class="n">${count(batchSize)}</td><td data-label="Slots held" class="n">${count(slotsTaken)} of ${count(maxConcurrency)}</td>
<td data-label="Last run">${lastRun(trigger, now)}</td><td data-label="Filter" class="body">${filterOf(trigger)}</td></tr>`
    },
  )}</tbody></table>`

const stateOf = ({ running, enabled, paused }: TriggerShown): string => {
  if (!enabled) return 'disabled'
  if (paused) return 'the queue is paused'
  return running ? 'running' : 'waits for messages'
}

const lastRun = ({ running, lastRunEndedAt, nextRunAt }: TriggerShown, now: number): Html => {
  if (running) return html`under way`
  const last = lastRunEndedAt === undefined ? html`–` : html`ended ${distance(lastRunEndedAt, now)}`
  if (nextRunAt === undefined) return last
  return Date.parse(nextRunAt) <= now ? html`${last}; next: now` : html`${last}; next: ${distance(nextRunAt, now)}`
}

const filterOf = ({ filter, unmatched }: TriggerShown): Html => {
  if (!filter) return html`–`
  const others = typeof unmatched === 'object' ? html`move to ${unmatched.queue}` : html`are deleted`
  return html`${filter.map((pattern) => html`<code>${pattern}</code> `)}<span class="dim">others ${others}</span>`
}

/** The trigger of one queue. A role that may not read triggers, and an API without them, leave out this part of the page alone. */
export const triggerOf = async (api: ConsoleApi, queue: string): Promise<TriggerShown | string | undefined> => {
  try {
    return (await api.triggers({ queue })).triggers[0]
  } catch (error) {
    const problem = problemIn(error)
    if (!problem) throw error
    return problem.detail
  }
}

/** A queue's trigger on the queue's own page; nothing where it has none. */
export const triggerPart = (trigger: TriggerShown | string | undefined, now: number): Html | undefined => {
  if (trigger === undefined) return undefined
  if (typeof trigger === 'string') return html`<p class="dim">Whether it has a trigger can't be read: ${trigger}.</p>`
  const { functionName, functionTimeoutSeconds, batchSize, batchingWindowSeconds, reportBatchItemFailures } = trigger
  const window = batchingWindowSeconds === 0 ? 'sent at once' : `sent after up to ${duration(batchingWindowSeconds)}`
  const lines: (readonly [string, Html | string])[] = [
    ['Function', html`<code>${functionName}</code>, cut off after ${duration(functionTimeoutSeconds)}`],
    ['State', stateOf(trigger)],
    ['Batches', `at most ${counted(batchSize, 'message')}, ${window}`],
    ['Slots held', `${count(trigger.slotsTaken)} of ${count(trigger.maxConcurrency)}`],
    ['Last run', lastRun(trigger, now)],
    ['Failures', reportBatchItemFailures ? 'named one by one by the function' : 'of a whole batch'],
    ['Filter', filterOf(trigger)],
    ...(trigger.declaredAt === undefined ? [] : [['Declared', declared(trigger, trigger.declaredAt, now)] as const]),
  ]
  return html`<h2 id="trigger">Trigger</h2><dl class="facts">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

const declared = ({ declaredBy }: TriggerShown, at: string, now: number): Html =>
  html`${instant(at, now)}${declaredBy !== undefined && html`, by <code>${declaredBy}</code>`}`

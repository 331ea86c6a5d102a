import { type ConsoleApi, problemIn, type TriggerJson } from '../api.ts'
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
<p class="dim">A trigger delivers the messages of a queue to a function. A run begins when a message can be received, and ends when no such message is left.</p>
<h2>Under way</h2>${running.length === 0 ? html`<p>No run is under way.</p>` : table(running, now())}
<h2>Others</h2>${others.length === 0 ? html`<p>There is none.</p>` : table(others, now())}
${cursor !== undefined && html`<p><a href="${BASE}/triggers?${new URLSearchParams({ cursor }).toString()}">Next triggers</a></p>`}`,
  }
}

const table = (triggers: readonly TriggerJson[], now: number): Html =>
  html`<table class="rows"><thead><tr><th scope="col">Queue</th><th scope="col">State</th><th scope="col">Function</th><th scope="col" class="n">Batch</th><th scope="col" class="n">Slots held</th><th scope="col">Last run</th><th scope="col">Filter</th></tr></thead><tbody>${triggers.map(
    (trigger) => {
      const { queue, functionName, batchSize, slotsTaken, maxConcurrency } = trigger
      return html`<tr class="row"><th scope="row"><a class="go" href="${queueHref(queue)}">${queue}</a></th>
<td data-label="State">${stateOf(trigger)}</td><td data-label="Function" class="body"><code>${functionName}</code></td>
<td data-label="Batch" class="n">${count(batchSize)}</td><td data-label="Slots held" class="n">${count(slotsTaken)} of ${count(maxConcurrency)}</td>
<td data-label="Last run">${lastRun(trigger, now)}</td><td data-label="Filter" class="body">${filterOf(trigger)}</td></tr>`
    },
  )}</tbody></table>`

const stateOf = ({ running, enabled, paused }: TriggerJson): string => {
  if (!enabled) return 'disabled'
  if (paused) return 'the queue is paused'
  return running ? 'running' : 'waits for messages'
}

const lastRun = ({ running, lastRunEndedAt, nextRunAt }: TriggerJson, now: number): Html => {
  if (running) return html`under way`
  const last = lastRunEndedAt === undefined ? html`–` : html`ended ${distance(lastRunEndedAt, now)}`
  if (nextRunAt === undefined) return last
  return Date.parse(nextRunAt) <= now ? html`${last}; next: now` : html`${last}; next: ${distance(nextRunAt, now)}`
}

const filterOf = ({ filter, unmatched }: TriggerJson): Html => {
  if (!filter) return html`–`
  const others = typeof unmatched === 'object' ? html`move to ${unmatched.queue}` : html`are deleted`
  return html`${filter.map((pattern) => html`<code>${pattern}</code> `)}<span class="dim">other messages ${others}</span>`
}

/**
 * Reads the trigger of a queue. Resolves to a text when the role may not read triggers or the API has none. The page then
 * shows this text in place of the trigger.
 */
export const triggerOf = async (api: ConsoleApi, queue: string): Promise<TriggerJson | string | undefined> => {
  try {
    return (await api.triggers({ queue })).triggers[0]
  } catch (error) {
    const problem = problemIn(error)
    if (!problem) throw error
    return problem.detail
  }
}

/** The part of a queue's page that shows its trigger. Empty without a trigger. */
export const triggerPart = (trigger: TriggerJson | string | undefined, now: number): Html | undefined => {
  if (trigger === undefined) return undefined
  if (typeof trigger === 'string')
    return html`<p class="dim">The console can't read the queue's trigger: ${trigger}.</p>`
  const { functionName, functionTimeoutSeconds, batchSize, batchingWindowSeconds, reportBatchItemFailures } = trigger
  const window = batchingWindowSeconds === 0 ? 'sent at once' : `sent after up to ${duration(batchingWindowSeconds)}`
  const lines: (readonly [string, Html | string])[] = [
    ['Function', html`<code>${functionName}</code>, timeout ${duration(functionTimeoutSeconds)}`],
    ['State', stateOf(trigger)],
    ['Batches', `at most ${counted(batchSize, 'message')}, ${window}`],
    ['Slots held', `${count(trigger.slotsTaken)} of ${count(trigger.maxConcurrency)}`],
    ['Last run', lastRun(trigger, now)],
    ['Failures', reportBatchItemFailures ? 'the function names each failed message' : 'the whole batch fails'],
    ['Filter', filterOf(trigger)],
    ...(trigger.declaredAt === undefined ? [] : [['Declared', declared(trigger, trigger.declaredAt, now)] as const]),
  ]
  return html`<h2 id="trigger">Trigger</h2><dl class="facts">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

const declared = ({ declaredBy }: TriggerJson, at: string, now: number): Html =>
  html`${instant(at, now)}${declaredBy !== undefined && html`, by <code>${declaredBy}</code>`}`

import type { RedriveJson } from '../api.ts'
import { BASE, type ConsoleContext, type Page, queueHref } from '../context.ts'
import { changeForm } from '../views/forms.ts'
import { type Html, html, type Part } from '../views/html.ts'
import { count, counted, instant } from '../views/words.ts'

/** Redrives that the screen lists for each queue. */
const LISTED = 10

/** The redrives of every dead-letter queue, those under way first. */
export const redrivesPage: Page = async (context) => {
  const { queues, cursor } = await context.api.queueNames()
  const present = new Set(queues.map(({ name }) => name))
  const sources = [...new Set(queues.flatMap(({ deadLetter }) => deadLetter?.queue ?? []))].filter((name) =>
    present.has(name),
  )
  const answers = await Promise.all(sources.map((name) => context.api.redrives(name)))
  const tasks = answers.flatMap(({ redrives }) => redrives.slice(0, LISTED))
  const running = tasks.filter(isRunning)
  const over = tasks.filter((task) => !isRunning(task)).sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
  return {
    title: 'Redrives',
    trail: [['Queues', BASE]],
    version: tasks,
    main: html`<h1>Redrives</h1>
${cursor !== undefined && html`<p class="dim">The screen covers the first ${counted(queues.length, 'queue')} only.</p>`}
<h2>Under way</h2>${running.length === 0 ? html`<p>There is none.</p>` : running.map((task) => runningTask(context, task))}
<h2>Over</h2>${over.length === 0 ? html`<p>There is none.</p>` : overTable(context, over)}`,
  }
}

const isRunning = ({ state }: RedriveJson): boolean => state === 'running' || state === 'cancelling'

const runningTask = (context: ConsoleContext, task: RedriveJson): Html => {
  const { taskId, source, state, moved, toMove, maxPerSecond, undoes } = task
  const name = undoes === undefined ? 'Redrive' : 'Undo of a redrive'
  const way = html`${undoes === undefined && html`<a href="${queueHref(source)}">${source}</a> → `}${whereTo(task)}`
  const stop = undoes === undefined ? 'will stay moved' : 'will stay in the dead-letter queue'
  const rate = maxPerSecond === undefined ? '' : `, at most ${maxPerSecond} a second`
  return html`<section class="task" aria-label="${name} of ${source}"><p>${way}: ${count(moved)} of about ${count(toMove)} moved${rate} (${state}), started ${instant(task.startedAt, context.now())}</p>
<progress max="${Math.max(1, toMove)}" value="${Math.min(moved, toMove)}" aria-label="Moved of ${source}"></progress>
${state === 'running' && changeForm(context, queueHref(source, 'redrives', taskId, 'cancel'), html`<button>Stop; ${counted(moved, 'message')} ${stop}</button>`)}</section>`
}

const whereTo = ({ destination, undoes, source }: RedriveJson): string =>
  undoes !== undefined ? `undo, back to ${source}` : (destination ?? 'the original queues')

/** What an undo did not move. */
const stayed = ({ received = 0, behind = 0, gone = 0 }: RedriveJson): string => {
  const parts = [
    received > 0 && `${count(received)} received and stayed`,
    behind > 0 && `${count(behind)} behind those stayed`,
    gone > 0 && `${count(gone)} gone`,
  ].filter((part) => part !== false)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

const overTable = (context: ConsoleContext, tasks: readonly RedriveJson[]): Html =>
  html`<table class="rows"><thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">State</th><th scope="col" class="n">Moved</th><th scope="col">Started</th><th scope="col">Undo</th></tr></thead><tbody>${tasks.map(
    (task) =>
      html`<tr class="row"><th scope="row"><a class="go" href="${queueHref(task.source, 'dead')}">${task.source}</a></th><td data-label="To">${whereTo(task)}</td><td data-label="State">${task.state}${task.failure !== undefined && html`: ${task.failure}`}${stayed(task)}</td><td data-label="Moved" class="n">${count(task.moved)}</td><td data-label="Started">${instant(task.startedAt, context.now())}</td><td data-label="Undo">${undoLink(context, task)}</td></tr>`,
  )}</tbody></table>`

/** The link to the confirmation of an undo. Without it where nothing was moved, and where nothing may be changed. */
const undoLink = ({ readOnly }: ConsoleContext, { source, taskId, moved, undoes, undoneBy }: RedriveJson): Part => {
  if (undoes !== undefined || moved === 0) return ''
  if (readOnly) return undoneBy === undefined ? '' : 'undone'
  const words = undoneBy === undefined ? 'Undo' : 'Undo again'
  const href = queueHref(source, 'redrives', taskId, 'undo')
  return html`<a href="${href}" aria-label="${words} the redrive of ${source}">${words}</a>`
}

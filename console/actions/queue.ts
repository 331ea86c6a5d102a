import { type Action, BASE, type Page, queueHref } from '../context.ts'
import { failureScreen } from '../pages/problem.ts'
import { area, changeForm, field } from '../views/forms.ts'
import { html } from '../views/html.ts'
import { count, counted } from '../views/words.ts'

export const createQueueAction: Action = async ({ api }, _visit, form) => {
  const queue = (form.get('queue') ?? '').trim()
  if (queue === '') return failureScreen(400, 'No name', 'A queue needs a name')
  await api.createQueue(queue, queue.endsWith('.fifo') ? { fifo: {} } : {})
  return { to: queueHref(queue), told: `The queue ${queue} exists.` }
}

/** Undone by the other of the two, so it does not ask. */
export const pauseAction: Action = async ({ api }, { params: { queue = '' } }, form) => {
  const pauses = form.get('paused') === 'yes'
  await api.change(queue, { paused: pauses ? true : null })
  return {
    to: queueHref(queue),
    told: pauses ? 'The queue is paused: within five seconds polls return nothing.' : 'Consumers receive again.',
  }
}

/** Asks before a purge, with what it deletes. */
export const purgePage: Page = async (context, { params: { queue = '' } }) => {
  const { counts } = await context.api.queue(queue)
  const all = counts ? counts.ready + counts.leased + counts.delayed : 0
  const about = counts?.exact === false ? 'about ' : ''
  return {
    title: 'Purge',
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
    ],
    main: html`<h1>Purge ${queue}?</h1>
<p>This deletes ${about}<b>${counted(all, 'message')}</b>: ${count(counts?.ready ?? 0)} ready, ${count(counts?.leased ?? 0)} leased, ${count(counts?.delayed ?? 0)} delayed. It can't be undone.</p>
${changeForm(context, queueHref(queue, 'purge'), html`<button class="danger">Delete ${about}${counted(all, 'message')}</button> <a href="${queueHref(queue)}">Keep them</a>`)}`,
  }
}

export const purgeAction: Action = async ({ api }, { params: { queue = '' } }) => {
  await api.purge(queue)
  return { to: queueHref(queue), told: `The queue ${queue} is purged.` }
}

/** Asks before a deletion, with what it deletes and which queues lose their dead-letter queue. */
export const deletePage: Page = async (context, { params: { queue = '' } }) => {
  const [{ counts }, { queues }] = await Promise.all([context.api.queue(queue), context.api.queueNames()])
  const all = counts ? counts.ready + counts.leased + counts.delayed : 0
  const sources = queues.filter(({ deadLetter, name }) => deadLetter?.queue === queue && name !== queue)
  const names = sources.map(({ name }) => name).join(', ')
  return {
    title: 'Delete',
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
    ],
    main: html`<h1>Delete ${queue}?</h1>
<p>This deletes the queue, its settings and <b>${counts?.exact === false ? 'about ' : ''}${counted(all, 'message')}</b>. It can't be undone.</p>
${sources.length > 0 && html`<p class="wrong">It is the dead-letter queue of ${names}: messages that fail there stay in their queue from then on.</p>`}
${changeForm(context, queueHref(queue, 'delete'), html`${sources.length > 0 && html`<input type="hidden" name="force" value="yes">`}<button class="danger">Delete the queue and ${counted(all, 'message')}</button> <a href="${queueHref(queue)}">Keep it</a>`)}`,
  }
}

export const deleteAction: Action = async ({ api }, { params: { queue = '' } }, form) => {
  await api.deleteQueue(queue, form.get('force') === 'yes')
  return { to: BASE, told: `The queue ${queue} is deleted.` }
}

export const sendPage: Page = async (context, { params: { queue = '' } }) => {
  const { fifo } = await context.api.queue(queue)
  return {
    title: 'Send a message',
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
    ],
    main: html`<h1>Send a message to ${queue}</h1>
${context.readOnly && html`<p>The console is read-only.</p>`}
${changeForm(context, queueHref(queue, 'send'), html`${area('body', 'Body', '', 'JSON is sent as JSON, anything else as text')}${area('attributes', 'Attributes', '', 'A JSON object, such as {"tenant": "a"}; empty for none')}${field({ name: 'delaySeconds', label: 'Delay in seconds', type: 'number', min: 0, step: 'any' })}${field({ name: 'groupId', label: fifo ? 'Message group (needed)' : 'Message group' })}${fifo && field({ name: 'deduplicationId', label: 'Deduplication id' })}<button>Send</button>`)}`,
  }
}

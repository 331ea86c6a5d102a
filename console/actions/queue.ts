import { type Action, BASE, type Page, queueHref } from '../context.ts'
import { failureScreen } from '../pages/problem.ts'
import { area, changeForm, field } from '../views/forms.ts'
import { html } from '../views/html.ts'
import { count, counted } from '../views/words.ts'

export const createQueueAction: Action = async ({ api }, _visit, form) => {
  const queue = (form.get('queue') ?? '').trim()
  if (queue === '') return failureScreen(400, 'No name', 'A queue needs a name: enter one')
  await api.createQueue(queue, queue.endsWith('.fifo') ? { fifo: {} } : {})
  return { to: queueHref(queue), notice: `The queue ${queue} exists.` }
}

/** Pauses or resumes a queue. Each undoes the other, so neither asks for confirmation. */
export const pauseAction: Action = async ({ api }, { params: { queue = '' } }, form) => {
  const pauses = form.get('paused') === 'yes'
  await api.change(queue, { paused: pauses ? true : null })
  return {
    to: queueHref(queue),
    notice: pauses
      ? 'The queue is paused: within five seconds polls return nothing.'
      : 'The queue is resumed: consumers receive again.',
  }
}

/** Asks for confirmation of a purge, and shows how many messages it deletes. */
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
<p>This deletes ${about}<b>${counted(all, 'message')}</b>: ${count(counts?.ready ?? 0)} ready, ${count(counts?.leased ?? 0)} leased, ${count(counts?.delayed ?? 0)} delayed. A purge can't be undone.</p>
${changeForm(context, queueHref(queue, 'purge'), html`<button class="danger">Delete ${about}${counted(all, 'message')}</button> <a href="${queueHref(queue)}">Keep the messages</a>`)}`,
  }
}

export const purgeAction: Action = async ({ api }, { params: { queue = '' } }) => {
  await api.purge(queue)
  return { to: queueHref(queue), notice: `The queue ${queue} is purged.` }
}

/** Asks for confirmation of a deletion, and shows what it deletes and which queues lose their dead-letter queue. */
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
<p>This deletes the queue, its settings and <b>${counts?.exact === false ? 'about ' : ''}${counted(all, 'message')}</b>. A deletion can't be undone.</p>
${sources.length > 0 && html`<p class="wrong">${queue} is the dead-letter queue of ${names}: messages that fail there will stay in their queue.</p>`}
${changeForm(context, queueHref(queue, 'delete'), html`${sources.length > 0 && html`<input type="hidden" name="force" value="yes">`}<button class="danger">Delete the queue and ${counted(all, 'message')}</button> <a href="${queueHref(queue)}">Keep the queue</a>`)}`,
  }
}

export const deleteAction: Action = async ({ api }, { params: { queue = '' } }, form) => {
  await api.deleteQueue(queue, form.get('force') === 'yes')
  return { to: BASE, notice: `The queue ${queue} is deleted.` }
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
${changeForm(context, queueHref(queue, 'send'), html`${area('body', 'Body', '', 'Text that is valid JSON is sent as JSON, any other text as text')}${area('attributes', 'Attributes', '', 'A JSON object, such as {"tenant": "a"}; empty for none')}${field({ name: 'delaySeconds', label: 'Delay in seconds', type: 'number', min: 0, step: 'any' })}${field({ name: 'groupId', label: fifo ? 'Message group (required)' : 'Message group' })}${fifo && field({ name: 'deduplicationId', label: 'Deduplication id' })}<button>Send</button>`)}`,
  }
}

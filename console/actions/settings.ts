import type { QueueJson } from '../api.ts'
import { type Action, BASE, type ConsoleContext, type Page, queueHref } from '../context.ts'
import { onFailure } from '../trouble.ts'
import { changeForm, choice, type Field, field } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { duration } from '../views/words.ts'

/** A setting in a form. Its name is the path of the member in the JSON of the API: `deadLetter.queue`. */
interface Setting {
  readonly name: string
  readonly label: string
  readonly kind: 'number' | 'text' | readonly string[]
}

const SETTINGS: readonly (readonly [string, readonly Setting[]])[] = [
  [
    'Receiving',
    [
      { name: 'visibilityTimeoutSeconds', label: 'Lease of a receive, seconds', kind: 'number' },
      { name: 'receiveWaitTimeSeconds', label: 'Wait of a poll, seconds', kind: 'number' },
      { name: 'delaySeconds', label: 'Delay, seconds', kind: 'number' },
      {
        name: 'maxInFlightPerGroup',
        label: 'Maximum of messages in flight for each group; empty for no limit',
        kind: 'number',
      },
    ],
  ],
  [
    'When work fails',
    [
      { name: 'deadLetter.queue', label: 'Dead-letter queue; empty for none', kind: 'text' },
      { name: 'deadLetter.maxReceives', label: 'Receives before a message goes there', kind: 'number' },
      {
        name: 'retryPolicy.initialSeconds',
        label: 'Delay of the first retry, seconds; empty for no delay',
        kind: 'number',
      },
      { name: 'retryPolicy.factor', label: 'Factor of the delay for each later retry', kind: 'number' },
      { name: 'retryPolicy.maximumSeconds', label: 'Longest retry delay, seconds', kind: 'number' },
      { name: 'retryPolicy.jitter', label: 'Jitter', kind: ['', 'full', 'none'] },
    ],
  ],
  [
    'Keeping',
    [
      { name: 'retentionSeconds', label: 'Retention, seconds', kind: 'number' },
      { name: 'maximumMessageBytes', label: 'Largest message, bytes', kind: 'number' },
      { name: 'results.retentionSeconds', label: 'Retention of results, seconds; empty to keep none', kind: 'number' },
      { name: 'deduplicationWindowSeconds', label: 'Deduplication window, seconds', kind: 'number' },
      { name: 'deduplicationMode', label: 'Deduplication', kind: ['window', 'pending'] },
    ],
  ],
  [
    'Spreading',
    [
      { name: 'priorities', label: 'Priorities', kind: 'number' },
      { name: 'shards', label: 'Shards', kind: 'number' },
    ],
  ],
]

/** The first member of each optional setting. An empty first member removes the whole setting. */
const FIRST_MEMBERS = ['deadLetter.queue', 'retryPolicy.initialSeconds', 'results.retentionSeconds'] as const

const presentValue = (queue: QueueJson, name: string): string => {
  const [outer = '', inner] = name.split('.')
  const value = (queue as unknown as Record<string, unknown>)[outer]
  const one = inner === undefined ? value : (value as Record<string, unknown> | undefined)?.[inner]
  return one === undefined ? '' : String(one)
}

/** The settings of a queue: in a form, or as text when the console is read-only. */
export const settingsPage: Page = async (context, { params: { queue: name = '' } }) => {
  const queue = await context.api.queue(name)
  const tags = Object.entries(queue.tags)
  return {
    title: 'Settings',
    trail: [
      ['Queues', BASE],
      [name, queueHref(name)],
    ],
    main: html`<h1>Settings of ${name}</h1>
<p>${onFailure(queue)}. Messages expire ${duration(queue.retentionSeconds)} after they are due.</p>
${context.readOnly ? settingsText(queue) : settingsForm(context, queue)}
${tags.length > 0 && html`<h2>Tags</h2><dl class="facts">${tags.map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl>`}`,
  }
}

const settingsText = (queue: QueueJson): Html =>
  html`<dl class="facts">${SETTINGS.flatMap(([, settings]) => settings.map(({ name, label }) => html`<div><dt>${label}</dt><dd>${presentValue(queue, name) || '–'}</dd></div>`))}</dl>`

const settingsForm = (context: ConsoleContext, queue: QueueJson): Html | undefined =>
  changeForm(
    context,
    queueHref(queue.name, 'settings'),
    html`${SETTINGS.map(([legend, settings]) => html`<fieldset><legend>${legend}</legend><div class="fields">${settings.map((setting) => input(queue, setting))}</div></fieldset>`)}
<button>Change the settings</button> <a href="${queueHref(queue.name)}">Change nothing</a>`,
  )

/**
 * A hidden field contains the value that the page has shown. The action sends only settings that differ from it, so the form
 * overwrites no concurrent change of another setting.
 */
const input = (queue: QueueJson, { name, label, kind }: Setting): Html => {
  const value = presentValue(queue, name)
  const was = html`<input type="hidden" name="was.${name}" value="${value}">`
  if (typeof kind === 'object')
    return html`<div>${was}${choice(
      name,
      label,
      value,
      kind.map((one) => [one, one || 'default']),
    )}</div>`
  const more: Partial<Field> = kind === 'number' ? { type: 'number', min: 0, step: 'any' } : {}
  return html`<div>${was}${field({ name, label, value, ...more })}</div>`
}

/** The changes of the form, as the body of an API request and as names. */
const changeIn = (
  queue: QueueJson,
  form: URLSearchParams,
): { readonly body: Record<string, unknown>; readonly names: string[] } => {
  const body: Record<string, unknown> = {}
  const touched = SETTINGS.flatMap(([, settings]) => settings).filter(
    ({ name }) => form.has(name) && form.get(name)?.trim() !== form.get(`was.${name}`),
  )
  for (const { name, kind } of touched) {
    const [outer = '', inner] = name.split('.')
    const text = form.get(name)?.trim() ?? ''
    const value = text === '' ? null : kind === 'number' ? Number(text) : text
    if (inner === undefined) body[outer] = value
    else
      body[outer] = {
        ...((body[outer] ?? queue[outer as keyof QueueJson]) as object | undefined),
        [inner]: value ?? undefined,
      }
  }
  for (const first of FIRST_MEMBERS) {
    const [outer = ''] = first.split('.')
    if (outer in body && form.get(first)?.trim() === '') body[outer] = null
  }
  return { body, names: touched.map(({ name }) => name) }
}

export const settingsAction: Action = async ({ api }, { params: { queue: name = '' } }, form) => {
  const { body, names } = changeIn(await api.queue(name), form)
  const to = queueHref(name, 'settings')
  if (names.length === 0) return { to, notice: 'Nothing was changed.' }
  await api.change(name, body)
  const changes = names.map((one) => `${one} from ${form.get(`was.${one}`) || 'none'} to ${form.get(one) || 'none'}`)
  return { to, notice: `Changed ${changes.join(', ')}. Other processes apply the change within five seconds.` }
}

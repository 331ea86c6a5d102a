import type { ConsoleApi, MessageJson } from '../api.ts'
import { type Action, BASE, type ConsoleContext, queueHref, type Screen } from '../context.ts'
import { firstMessages, grouped } from '../pages/groups.ts'
import { failureScreen } from '../pages/problem.ts'
import { changeForm } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { messageTable } from '../views/messages.ts'
import { counted, duration } from '../views/words.ts'

/** The API's limit of message ids for one redrive. */
const MAX_IDS = 1_000
const LISTED = 10

/** The redrive that a form requests. */
interface RedriveRequest {
  readonly all: boolean
  readonly ids: ReadonlySet<string>
  readonly reasons: ReadonlySet<string>
  readonly destination?: string
  readonly maxPerSecond?: number
  readonly bodyContains?: string
}

const requestIn = (form: URLSearchParams): RedriveRequest => {
  const text = (name: string) => (form.get(name) ?? '').trim()
  return {
    all: text('which') === 'all',
    ids: new Set(form.getAll('id')),
    reasons: new Set(form.getAll('reason').map(withPlainLines)),
    ...(text('destination') !== '' && { destination: text('destination') }),
    ...(text('maxPerSecond') !== '' && { maxPerSecond: Number(text('maxPerSecond')) }),
    ...(text('bodyContains') !== '' && { bodyContains: text('bodyContains') }),
  }
}

/** A search answers whether a body contains a text, so repeated searches would reveal a hidden body. */
const NO_SEARCH = failureScreen(
  403,
  'Payloads are hidden',
  'The console was started with --hide-payloads, and searches no bodies',
)

/** Shows which messages a redrive would move. Moves nothing. */
export const tryRedriveAction: Action = async (context, { params: { queue = '' } }, form) => {
  const request = requestIn(form)
  if (context.hidePayloads && request.bodyContains !== undefined) return NO_SEARCH
  const { messages, more } = await firstMessages(context.api, queue)
  const chosen = messages.filter((message) => isChosen(request, message))
  if (chosen.length === 0)
    return failureScreen(400, 'Nothing to send back', 'No dead letter is selected, or no selected one matches')
  const missing = await missingQueues(context.api, request, chosen)
  return trial(context, { queue, request, chosen, more: request.all && more, missing })
}

/** Browsers send line breaks as CRLF, whatever they were in the page. */
const withPlainLines = (text: string): string => text.replaceAll(/\r\n?/g, '\n')

const isChosen = ({ all, ids, reasons, bodyContains }: RedriveRequest, message: MessageJson): boolean =>
  (all ||
    ids.has(message.messageId) ||
    (message.deadLetter !== undefined && reasons.has(withPlainLines(message.deadLetter.reason)))) &&
  (bodyContains === undefined || bodyText(message).includes(bodyContains))

/** The text that a redrive's filter searches: bytes are in base64. */
const bodyText = ({ body, bodyBase64 }: MessageJson): string =>
  bodyBase64 ?? (typeof body === 'string' ? body : JSON.stringify(body))

const targetOf = (request: RedriveRequest, { deadLetter }: MessageJson): string | undefined =>
  request.destination ?? deadLetter?.queue

/** Destinations of the messages that do not exist. */
const missingQueues = async (
  api: ConsoleApi,
  request: RedriveRequest,
  chosen: readonly MessageJson[],
): Promise<ReadonlySet<string>> => {
  const targets = [...new Set(chosen.flatMap((message) => targetOf(request, message) ?? []))]
  const found = await Promise.all(
    targets.map((name) =>
      api.queue(name).then(
        () => true,
        () => false,
      ),
    ),
  )
  return new Set(targets.filter((_, index) => !found[index]))
}

interface Trial {
  readonly queue: string
  readonly request: RedriveRequest
  readonly chosen: readonly MessageJson[]
  readonly more: boolean
  readonly missing: ReadonlySet<string>
}

const trial = (context: ConsoleContext, { queue, request, chosen, more, missing }: Trial): Screen => {
  const targets = [...grouped(chosen, (message) => targetOf(request, message) ?? '')]
  const going = chosen.filter(
    (message) => !missing.has(targetOf(request, message) ?? '') && targetOf(request, message) !== undefined,
  )
  const seconds = request.maxPerSecond === undefined ? undefined : going.length / request.maxPerSecond
  return {
    title: 'Try',
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
      ['Dead letters', queueHref(queue, 'dead')],
    ],
    main: html`<h1>Send back ${more ? 'at least ' : ''}${counted(going.length, 'message')}?</h1>
<ul>${targets.map(([target, held]) => html`<li>${outcomeOf(target, held.length, missing)}</li>`)}</ul>
${seconds !== undefined && html`<p>At ${request.maxPerSecond ?? 0} a second this takes about ${duration(seconds)}.</p>`}
<p>Each message keeps its id, and its receive count starts at zero. A message that a consumer receives while the redrive runs stays in the dead-letter queue.</p>
${messageTable(context, chosen.slice(0, LISTED))}${chosen.length > LISTED && html`<p class="dim">and ${counted(chosen.length - LISTED, 'further message')}.</p>`}
${going.length > 0 && changeForm(context, queueHref(queue, 'redrive'), html`${hidden(request, going)}<button>Send back ${more ? 'all' : counted(going.length, 'message')}</button> <a href="${queueHref(queue, 'dead')}">Send nothing back</a>`)}`,
  }
}

const outcomeOf = (target: string, held: number, missing: ReadonlySet<string>): Html => {
  if (target === '')
    return html`${counted(held, 'message')} will stay: a publisher sent them to the dead-letter queue directly, and the form names no destination`
  if (missing.has(target)) return html`${counted(held, 'message')} will stay: the queue <b>${target}</b> does not exist`
  return html`${counted(held, 'message')} to <b>${target}</b>`
}

const hidden = (
  { all, destination, maxPerSecond, bodyContains }: RedriveRequest,
  going: readonly MessageJson[],
): Html => {
  const value = (name: string, text: string | number | undefined) =>
    text === undefined ? undefined : html`<input type="hidden" name="${name}" value="${text}">`
  return html`${value('which', all ? 'all' : 'selected')}${value('destination', destination)}${value('maxPerSecond', maxPerSecond)}${value('bodyContains', bodyContains)}${all ? undefined : going.slice(0, MAX_IDS).map(({ messageId }) => value('id', messageId))}`
}

/** Starts a redrive of the messages that the try has shown. */
export const redriveAction: Action = async ({ api, hidePayloads }, { params: { queue = '' } }, form) => {
  const { all, ids, destination, maxPerSecond, bodyContains } = requestIn(form)
  if (hidePayloads && bodyContains !== undefined) return NO_SEARCH
  if (!all && ids.size === 0) return failureScreen(400, 'Nothing to send back', 'No dead letter is selected')
  const filter = { ...(!all && { messageIds: [...ids] }), ...(bodyContains !== undefined && { bodyContains }) }
  await api.redrive(queue, {
    ...(destination !== undefined && { destination }),
    ...(maxPerSecond !== undefined && { maxPerSecond }),
    ...(Object.keys(filter).length > 0 && { filter }),
  })
  return { to: `${BASE}/redrives`, notice: 'The redrive has started.' }
}

export const cancelRedriveAction: Action = async ({ api }, { params: { queue = '', taskId = '' } }) => {
  const { moved, undoes } = await api.cancelRedrive(queue, taskId)
  return {
    to: `${BASE}/redrives`,
    notice: `The ${undoes === undefined ? 'redrive' : 'undo'} stops. ${counted(moved, 'message')} moved so far.`,
  }
}

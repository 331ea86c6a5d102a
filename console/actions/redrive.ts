import type { ConsoleApi, MessageShown } from '../api.ts'
import { type Action, BASE, type ConsoleContext, queueHref, type Screen } from '../context.ts'
import { firstMessages, grouped } from '../pages/groups.ts'
import { failureScreen } from '../pages/problem.ts'
import { changeForm } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { messageTable } from '../views/messages.ts'
import { counted, duration } from '../views/words.ts'

/** Message ids that one redrive takes (the API's limit). */
const MOST_IDS = 1_000
const LISTED = 10

/** What a form asks to send back. */
interface Wish {
  readonly all: boolean
  readonly ids: ReadonlySet<string>
  readonly reasons: ReadonlySet<string>
  readonly destination?: string
  readonly maxPerSecond?: number
  readonly bodyContains?: string
}

const wishIn = (form: URLSearchParams): Wish => {
  const text = (name: string) => (form.get(name) ?? '').trim()
  return {
    all: text('which') === 'all',
    ids: new Set(form.getAll('id')),
    reasons: new Set(form.getAll('reason')),
    ...(text('destination') !== '' && { destination: text('destination') }),
    ...(text('maxPerSecond') !== '' && { maxPerSecond: Number(text('maxPerSecond')) }),
    ...(text('bodyContains') !== '' && { bodyContains: text('bodyContains') }),
  }
}

/** Whether a body holds a text tells of the body: one question after another would read it. */
const GUESSING = failureScreen(
  403,
  'Payloads are hidden',
  'Bodies are not searched: the console was started without payloads',
)

/** Says what a redrive would move, and moves nothing. */
export const tryRedriveAction: Action = async (context, { params: { queue = '' } }, form) => {
  const wish = wishIn(form)
  if (context.hidePayloads && wish.bodyContains !== undefined) return GUESSING
  const { messages, more } = await firstMessages(context.api, queue)
  const chosen = messages.filter((message) => isChosen(wish, message))
  if (chosen.length === 0)
    return failureScreen(400, 'Nothing to send back', 'No dead letter is selected, or none of them matches')
  const missing = await missingQueues(context.api, wish, chosen)
  return trial(context, { queue, wish, chosen, more: wish.all && more, missing })
}

const isChosen = ({ all, ids, reasons, bodyContains }: Wish, message: MessageShown): boolean =>
  (all || ids.has(message.messageId) || (message.deadLetter !== undefined && reasons.has(message.deadLetter.reason))) &&
  (bodyContains === undefined || bodyText(message).includes(bodyContains))

/** As a redrive's filter reads it: bytes as base64. */
const bodyText = ({ body, bodyBase64 }: MessageShown): string =>
  bodyBase64 ?? (typeof body === 'string' ? body : JSON.stringify(body))

const targetOf = (wish: Wish, { deadLetter }: MessageShown): string | undefined => wish.destination ?? deadLetter?.queue

/** Queues that messages would go to, and that do not exist. */
const missingQueues = async (
  api: ConsoleApi,
  wish: Wish,
  chosen: readonly MessageShown[],
): Promise<ReadonlySet<string>> => {
  const targets = [...new Set(chosen.flatMap((message) => targetOf(wish, message) ?? []))]
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
  readonly wish: Wish
  readonly chosen: readonly MessageShown[]
  readonly more: boolean
  readonly missing: ReadonlySet<string>
}

const trial = (context: ConsoleContext, { queue, wish, chosen, more, missing }: Trial): Screen => {
  const targets = [...grouped(chosen, (message) => targetOf(wish, message) ?? '')]
  const going = chosen.filter(
    (message) => !missing.has(targetOf(wish, message) ?? '') && targetOf(wish, message) !== undefined,
  )
  const seconds = wish.maxPerSecond === undefined ? undefined : going.length / wish.maxPerSecond
  return {
    title: 'Try',
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
      ['Dead letters', queueHref(queue, 'dead')],
    ],
    main: html`<h1>Send back ${more ? 'at least ' : ''}${counted(going.length, 'message')}?</h1>
<ul>${targets.map(([target, held]) => html`<li>${fate(target, held.length, missing)}</li>`)}</ul>
${seconds !== undefined && html`<p>At ${wish.maxPerSecond ?? 0} a second this takes about ${duration(seconds)}.</p>`}
<p>Each keeps its id, and starts with no receives. A message that is received while the redrive runs stays where it is.</p>
${messageTable(context, chosen.slice(0, LISTED))}${chosen.length > LISTED && html`<p class="dim">and ${counted(chosen.length - LISTED, 'further message')}.</p>`}
${going.length > 0 && changeForm(context, queueHref(queue, 'redrive'), html`${hidden(wish, going)}<button>Send back ${more ? 'all' : counted(going.length, 'message')}</button> <a href="${queueHref(queue, 'dead')}">Leave them</a>`)}`,
  }
}

const fate = (target: string, held: number, missing: ReadonlySet<string>): Html => {
  if (target === '')
    return html`${counted(held, 'message')} stay: they were sent to the dead-letter queue, and no destination is given`
  if (missing.has(target)) return html`${counted(held, 'message')} stay: the queue <b>${target}</b> does not exist`
  return html`${counted(held, 'message')} to <b>${target}</b>`
}

const hidden = ({ all, destination, maxPerSecond, bodyContains }: Wish, going: readonly MessageShown[]): Html => {
  const value = (name: string, text: string | number | undefined) =>
    text === undefined ? undefined : html`<input type="hidden" name="${name}" value="${text}">`
  return html`${value('which', all ? 'all' : 'selected')}${value('destination', destination)}${value('maxPerSecond', maxPerSecond)}${value('bodyContains', bodyContains)}${all ? undefined : going.slice(0, MOST_IDS).map(({ messageId }) => value('id', messageId))}`
}

/** Starts a redrive of what the try before it named. */
export const redriveAction: Action = async ({ api, hidePayloads }, { params: { queue = '' } }, form) => {
  const { all, ids, destination, maxPerSecond, bodyContains } = wishIn(form)
  if (hidePayloads && bodyContains !== undefined) return GUESSING
  if (!all && ids.size === 0) return failureScreen(400, 'Nothing to send back', 'No dead letter is selected')
  const filter = { ...(!all && { messageIds: [...ids] }), ...(bodyContains !== undefined && { bodyContains }) }
  await api.redrive(queue, {
    ...(destination !== undefined && { destination }),
    ...(maxPerSecond !== undefined && { maxPerSecond }),
    ...(Object.keys(filter).length > 0 && { filter }),
  })
  return { to: `${BASE}/redrives`, told: 'The redrive has started.' }
}

export const cancelRedriveAction: Action = async ({ api }, { params: { queue = '', taskId = '' } }) => {
  const { moved } = await api.cancelRedrive(queue, taskId)
  return { to: `${BASE}/redrives`, told: `The redrive stops. ${counted(moved, 'message')} moved so far.` }
}

import type { ConsoleApi, MessageJson, UnreadableJson } from '../api.ts'
import { BASE, type Page, queueHref } from '../context.ts'
import { html } from '../views/html.ts'
import { unreadableNote } from '../views/messages.ts'
import { ageSeconds, count, counted, duration } from '../views/words.ts'

/** Messages that a screen reads at most to group them. */
const MAX_READ = 500
const PAGE = 100

interface FirstMessages {
  readonly messages: readonly MessageJson[]
  readonly unreadable: UnreadableJson
  /** Whether there may be more messages. */
  readonly more: boolean
}

/**
 * Reads the first messages of a queue, and whether there may be more.
 *
 * @param endsAtNone stops after a page without a message, for which the API has read a thousand segments
 */
export const firstMessages = async (
  api: ConsoleApi,
  queue: string,
  { states, endsAtNone = false }: { readonly states?: string; readonly endsAtNone?: boolean } = {},
): Promise<FirstMessages> => {
  const messages: MessageJson[] = []
  const unreadable: NonNullable<UnreadableJson>[number][] = []
  let cursor: string | undefined
  // A page with a cursor may be empty, so the number of pages needs a limit too.
  for (let page = 0; page < MAX_READ / PAGE; page++) {
    const answer = await api.browse(queue, { limit: PAGE, cursor, states })
    messages.push(...answer.messages)
    unreadable.push(...(answer.unreadable ?? []))
    cursor = answer.cursor
    if (cursor === undefined || (endsAtNone && answer.messages.length === 0)) break
  }
  return { messages, unreadable, more: cursor !== undefined }
}

/** Groups messages by a key, in the order of each group's first message. */
export const grouped = <K>(messages: readonly MessageJson[], keyOf: (message: MessageJson) => K) => {
  const groups = new Map<K, MessageJson[]>()
  for (const message of messages) {
    const key = keyOf(message)
    const group = groups.get(key)
    if (group) group.push(message)
    else groups.set(key, [message])
  }
  return groups
}

/** The message groups of a queue, those with the most messages first. */
export const groupsPage: Page = async (context, { params: { queue = '' } }) => {
  const { api, now } = context
  const { messages, unreadable, more } = await firstMessages(api, queue)
  const groups = [...grouped(messages, ({ groupId }) => groupId)].sort(([, a], [, b]) => b.length - a.length)
  return {
    title: 'Groups',
    trail: [
      ['Queues', BASE],
      [queue, queueHref(queue)],
    ],
    version: groups.map(([group, held]) => [group, held.length]),
    main: html`<h1>Groups of ${queue}</h1>
<p class="dim">${more ? `The first ${counted(messages.length, 'message')} of the queue. There are more.` : `All ${counted(messages.length, 'message')} of the queue.`}</p>
${unreadableNote(context, unreadable)}
${groups.length === 0 ? html`<p>There is no message.</p>` : html`<table class="rows"><thead><tr><th scope="col">Group</th><th scope="col" class="n">Messages</th><th scope="col" class="n">Leased</th><th scope="col" class="n">Oldest</th></tr></thead><tbody>${groups.map(([group, held]) => groupRow(queue, group, held, now()))}</tbody></table>`}`,
  }
}

const groupRow = (queue: string, group: string | undefined, held: readonly MessageJson[], now: number) => {
  const leased = held.filter(({ state }) => state === 'leased').length
  const [oldest = ''] = held.map(({ publishedAt }) => publishedAt).sort()
  const first = held[0]
  return html`<tr class="row"><th scope="row">${first ? html`<a class="go" href="${queueHref(queue, 'messages', first.messageId)}">${group ?? 'no group'}</a>` : group}</th>
<td data-label="Messages" class="n">${count(held.length)}</td><td data-label="Leased" class="n">${count(leased)}</td><td data-label="Oldest" class="n">${duration(ageSeconds(oldest, now))}</td></tr>`
}

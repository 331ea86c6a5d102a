import type { Selection } from './expressions/selection.ts'
import type { Session } from './session.ts'
import type { AnswerOf } from './target/target.ts'

/** A message as the API shows it, read without receiving it. */
export type MessageJson = AnswerOf<'browseMessages'>['messages'][number]

export interface BrowseParts {
  readonly queue: string
  /** States with commas between. @default all */
  readonly states?: string | undefined
  /** The cursor that an earlier browse returned. */
  readonly cursor?: string | undefined
  /** Items that were reported before, and are not reported again. */
  readonly reported?: Set<string>
}

export interface MessagePage {
  readonly messages: readonly MessageJson[]
  /** The cursor of the next page; absent on the last page. */
  readonly cursor?: string | undefined
}

const PAGE = 100

/**
 * Yields a queue's messages page by page. A page may be empty. Names on stderr each item whose messages it can't read.
 *
 * @throws the reason of the session's signal
 */
export async function* pages(
  { target, signal, out }: Pick<Session, 'target' | 'signal' | 'out'>,
  { queue, states, cursor: start, reported = new Set() }: BrowseParts,
): AsyncGenerator<MessagePage> {
  for (let cursor = start, more = true; more; more = cursor !== undefined) {
    const query = { limit: PAGE, states, cursor }
    const page: AnswerOf<'browseMessages'> = await target.call('browseMessages', { params: { queue }, query, signal })
    cursor = page.cursor
    for (const { item, reason } of page.unreadable ?? []) {
      if (!reported.has(item))
        out.note(`the messages of the item ${item} are left out, since it can't be read: ${reason}`)
      reported.add(item)
    }
    yield page
  }
}

/** The messages of a page that are selected. */
export const selected = (messages: readonly MessageJson[], selection: Selection | undefined): readonly MessageJson[] =>
  selection ? selection(messages).map((position) => messages[position] as MessageJson) : messages

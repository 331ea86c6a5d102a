import type { ConsoleApi } from './api.ts'
import type { History } from './history.ts'
import type { FlowsSeen, LeasesSeen } from './leases-seen.ts'
import type { Html } from './views/html.ts'

/** What one console passes to each of its screens and actions. */
export interface ConsoleContext {
  readonly api: ConsoleApi
  readonly history: History
  /** Leases that the server has given. Absent when the console runs in another process than the server. */
  readonly leases?: LeasesSeen | undefined
  /** Messages that recently went through each queue. Absent when `leases` is. */
  readonly flows?: FlowsSeen | undefined
  readonly readOnly: boolean
  readonly hidePayloads: boolean
  /** Every form contains this token. A page of another origin can't read it. */
  readonly token: string
  /** Where the queues are, as pages show it: `in memory`, `table holdfast`. */
  readonly place: string
  /** Seconds between refreshes of a visible page. They grow to `maximum` while nothing changes. */
  readonly refreshSeconds: { readonly minimum: number; readonly maximum: number }
  /** Epoch ms. */
  readonly now: () => number
}

/** The address of a request. */
export interface Visit {
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Path and query. */
  readonly address: string
}

export interface Screen {
  readonly title: string
  /** The screens above this one: names and addresses, from the top. */
  readonly trail: readonly (readonly [string, string])[]
  readonly main: Html
  /**
   * The content without ages. While the content does not change, the page refreshes less often. Absent on pages with a form
   * to fill in: these pages do not refresh.
   */
  readonly version?: unknown
  /** @default 200 */
  readonly status?: number
}

export type Page = (context: ConsoleContext, visit: Visit) => Promise<Screen>

/** The result of an action: the address of the next page, and the notice that this page shows. */
export interface Done {
  readonly to: string
  readonly notice: string
}

/** An action on the fields of a form. Resolves to a screen instead of `Done` when it asks for confirmation or refuses. */
export type Action = (context: ConsoleContext, visit: Visit, form: URLSearchParams) => Promise<Done | Screen>

export const BASE = '/console'

/** The address of a queue's screen, or of a screen below it. */
export const queueHref = (queue: string, ...rest: readonly string[]): string =>
  [BASE, 'queues', queue, ...rest].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join('/')

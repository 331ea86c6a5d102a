import type { ConsoleApi } from './api.ts'
import type { History } from './history.ts'
import type { FlowsSeen, LeasesSeen } from './leases-seen.ts'
import type { Html } from './views/html.ts'

/** What every screen and every action of one console has. */
export interface ConsoleContext {
  readonly api: ConsoleApi
  readonly history: History
  /** Leases that the process of the queues has seen; absent where the console is in another process. */
  readonly leases?: LeasesSeen | undefined
  /** How many messages went through each queue lately; absent as `leases` is. */
  readonly flows?: FlowsSeen | undefined
  readonly readOnly: boolean
  readonly hidePayloads: boolean
  /** In every form: a page of another origin can't read it. */
  readonly token: string
  /** What it shows, such as `in memory` or `table holdfast`. */
  readonly place: string
  /** How often a visible page asks again: at least and, while nothing changes, at most. */
  readonly refreshSeconds: { readonly least: number; readonly most: number }
  /** Epoch ms. */
  readonly now: () => number
}

/** The address that was asked for. */
export interface Visit {
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Path and query. */
  readonly address: string
}

export interface Screen {
  readonly title: string
  /** The way to it: names and addresses, the nearest last. */
  readonly trail: readonly (readonly [string, string])[]
  readonly main: Html
  /** What is shown, without ages: while it stays the same, the page asks less often. Absent on pages that are filled in. */
  readonly version?: unknown
  /** @default 200 */
  readonly status?: number
}

export type Page = (context: ConsoleContext, visit: Visit) => Promise<Screen>

/** What an action did: where to go next, and what to say there. */
export interface Done {
  readonly to: string
  readonly told: string
}

/** An action on a form's fields. A screen in place of `Done` asks again, or shows what was wrong. */
export type Action = (context: ConsoleContext, visit: Visit, form: URLSearchParams) => Promise<Done | Screen>

export const BASE = '/console'

/** The address of a queue, or of something in it. */
export const queueHref = (queue: string, ...rest: readonly string[]): string =>
  [BASE, 'queues', queue, ...rest].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join('/')

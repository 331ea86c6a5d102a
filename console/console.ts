import { randomBytes, timingSafeEqual } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { type CallApi, consoleApi, problemIn } from './api.ts'
import { type AssetName, readAssets } from './assets.ts'
import { BASE, type ConsoleContext, type Screen, type Visit } from './context.ts'
import { createHistory } from './history.ts'
import { createNotices } from './notices.ts'
import { failureScreen, problemScreen } from './pages/problem.ts'
import { ACTIONS, PAGES } from './routes.ts'
import { layout } from './views/layout.ts'

export interface ConsoleParts {
  /** Calls an operation of the HTTP API. */
  readonly call: CallApi
  /** Where the queues are, as pages show it: `in memory`, `table holdfast`. */
  readonly place: string
  /** Whether the console refuses every change. @default false */
  readonly readOnly?: boolean | undefined
  /** Whether pages omit bodies and attributes. @default false */
  readonly hidePayloads?: boolean | undefined
  /** Leases that the server has given. @default none: the console shows what the queue stores */
  readonly leases?: ConsoleContext['leases']
  /** Messages that recently went through each queue. @default none: the console shows how counts change */
  readonly flows?: ConsoleContext['flows']
  /** Seconds between refreshes of a visible page. They grow to `maximum` while nothing changes. @default 2 to 10 */
  readonly refreshSeconds?: ConsoleContext['refreshSeconds']
  /** Epoch ms. @default the system's clock */
  readonly now?: () => number
  /** Called with each failure that is not an answer of the API. */
  readonly failed?: (error: unknown) => void
}

/** Answers requests below `/console`. The caller must first refuse requests of other sites' pages. */
export type Console = (request: Request) => Promise<Response>

const FORM_BYTES = 5_900_000

/**
 * Creates the console: pages that show queues through the HTTP API, and forms that change them. The console receives no
 * message. It keeps only the counts that its pages have shown. It serves all its assets itself.
 */
export const createConsole = (parts: ConsoleParts): Console => {
  const context: ConsoleContext = {
    api: consoleApi(parts.call),
    history: createHistory(),
    leases: parts.leases,
    flows: parts.flows,
    readOnly: parts.readOnly ?? false,
    hidePayloads: parts.hidePayloads ?? false,
    token: randomBytes(24).toString('base64url'),
    place: parts.place,
    refreshSeconds: parts.refreshSeconds ?? { minimum: 2, maximum: 10 },
    now: parts.now ?? Date.now,
  }
  const app = routed(context)
  app.onError((error, c) => {
    const problem = problemIn(error)
    if (problem) return show(c, context, problemScreen(problem, c.req.method === 'POST'))
    parts.failed?.(error)
    return show(
      c,
      context,
      failureScreen(500, 'Internal error', 'The console failed. The log of its process has the error'),
    )
  })
  return async (request) => app.fetch(request)
}

type Env = { Variables: { notice: string | undefined } }
const assets = readAssets()
const links = { css: assets['console.css'].href, js: assets['console.js'].href, icon: assets['icon.svg'].href }

const routed = (context: ConsoleContext): Hono<Env> => {
  const app = new Hono<Env>({ strict: false }).basePath(BASE)
  const notices = createNotices()
  app.use(async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(SAFE_HEADERS)) c.res.headers.set(name, value)
    // Pages contain messages, so no browser may store them. Assets have a `cache-control` of their own.
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
  })
  app.get('/assets/:version/:name', (c) => sendAsset(c))
  for (const [path, page] of Object.entries(PAGES)) {
    app.get(path, async (c) => {
      c.set('notice', notices.take(c.req.query('notice')))
      return show(c, context, await page(context, visitOf(c)))
    })
  }
  app.post('*', bodyLimit({ maxSize: FORM_BYTES, onError: (c) => show(c, context, TOO_LARGE) }))
  for (const [path, action] of Object.entries(ACTIONS)) {
    app.post(path, async (c) => {
      const form = new URLSearchParams(await c.req.text())
      const refusal = refusalOf(context, form)
      if (refusal) return show(c, context, refusal)
      const done = await action(context, visitOf(c), form)
      return 'main' in done ? show(c, context, done) : c.redirect(notices.leave(done), 303)
    })
  }
  app.notFound((c) => show(c, context, failureScreen(404, 'Not found', 'The console has no screen at this address')))
  return app
}

const TOO_LARGE = failureScreen(413, 'Too large', `A form may have at most ${FORM_BYTES} bytes`)

/** Only pages of this console contain its token: a page of another origin can send a form, but can't read one. */
const refusalOf = ({ readOnly, token }: ConsoleContext, form: URLSearchParams): Screen | undefined => {
  if (readOnly) return failureScreen(403, 'Read-only', 'The console was started with --read-only')
  const given = Buffer.from(form.get('token') ?? '')
  const own = Buffer.from(token)
  if (given.length === own.length && timingSafeEqual(given, own)) return undefined
  return failureScreen(
    403,
    'Page too old',
    'The page comes from a console that has ended, or from another site',
    'Go back, reload the page, and repeat the action.',
  )
}

const visitOf = (c: Context): Visit => {
  const { pathname, searchParams, search } = new URL(c.req.url)
  return { params: c.req.param() as Record<string, string>, query: searchParams, address: pathname + search }
}

const show = (c: Context<Env>, context: ConsoleContext, screen: Screen): Response =>
  c.html(
    layout(context, screen, { visit: visitOf(c), notice: c.get('notice'), assets: links }),
    (screen.status ?? 200) as 200,
  )

const sendAsset = (c: Context): Response => {
  const asset = assets[c.req.param('name') as AssetName] as (typeof assets)[AssetName] | undefined
  if (!asset || asset.href !== new URL(c.req.url).pathname) return c.notFound() as Response
  return c.body(asset.contents, 200, {
    'content-type': asset.type,
    'cache-control': 'public, max-age=31536000, immutable',
  })
}

/** A page loads nothing from other origins, runs no inline script, applies no inline style, and opens in no frame. */
const SAFE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { type CallApi, consoleApi, problemIn } from './api.ts'
import { type AssetName, readAssets } from './assets.ts'
import { BASE, type ConsoleContext, type Screen, type Visit } from './context.ts'
import { createFlashes } from './flashes.ts'
import { createHistory } from './history.ts'
import { failureScreen, problemScreen } from './pages/problem.ts'
import { ACTIONS, PAGES } from './routes.ts'
import { layout } from './views/layout.ts'

export interface ConsoleParts {
  /** Calls an operation of the HTTP API. */
  readonly call: CallApi
  /** What the console shows, such as `in memory` or `table holdfast`. */
  readonly place: string
  /** Whether nothing can be changed. @default false */
  readonly readOnly?: boolean | undefined
  /** Whether bodies and attributes are left out. @default false */
  readonly hidePayloads?: boolean | undefined
  /** Leases that the process of the queues has seen. @default none: the console shows what the queue keeps */
  readonly leases?: ConsoleContext['leases']
  /** How many messages went through each queue lately. @default none: the console shows how counts change */
  readonly flows?: ConsoleContext['flows']
  /** How often a visible page asks again: at least and, while nothing changes, at most. @default every 2 to 10 s */
  readonly refreshSeconds?: ConsoleContext['refreshSeconds']
  /** Epoch ms. @default the system's clock */
  readonly now?: () => number
  /** Told of failures that are not the API's answers. */
  readonly failed?: (error: unknown) => void
}

/** Answers requests below `/console`. The caller first checks that no page of another site sent the request. */
export type Console = (request: Request) => Promise<Response>

const FORM_BYTES = 5_900_000

/**
 * The console: pages that look at queues through the HTTP API, and forms that change them. It receives no message, keeps
 * nothing but the counts that it has shown, and sends no asset of another place.
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
    refreshSeconds: parts.refreshSeconds ?? { least: 2, most: 10 },
    now: parts.now ?? Date.now,
  }
  const app = routed(context)
  app.onError((error, c) => {
    const problem = problemIn(error)
    if (problem) return show(c, context, problemScreen(problem))
    parts.failed?.(error)
    return show(c, context, failureScreen(500, 'Internal error', 'The console failed. Its log says why'))
  })
  return async (request) => app.fetch(request)
}

type Env = { Variables: { told: string | undefined } }
const assets = readAssets()
const links = { css: assets['console.css'].href, js: assets['console.js'].href, icon: assets['icon.svg'].href }

const routed = (context: ConsoleContext): Hono<Env> => {
  const app = new Hono<Env>({ strict: false }).basePath(BASE)
  const flashes = createFlashes()
  app.use(async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(SAFE_HEADERS)) c.res.headers.set(name, value)
    // Pages hold messages: no browser keeps them on its disk. Assets say themselves how long they are kept.
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
  })
  app.get('/assets/:version/:name', (c) => sendAsset(c))
  for (const [path, page] of Object.entries(PAGES)) {
    app.get(path, async (c) => {
      c.set('told', flashes.take(c.req.query('told')))
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
      return 'main' in done ? show(c, context, done) : c.redirect(flashes.leave(done), 303)
    })
  }
  app.notFound((c) => show(c, context, failureScreen(404, 'Not found', 'There is no such screen')))
  return app
}

const TOO_LARGE = failureScreen(413, 'Too large', `A form has at most ${FORM_BYTES} bytes`)

/** Only a page of this console has its token: a page of another origin can send a form, and can't read one. */
const refusalOf = ({ readOnly, token }: ConsoleContext, form: URLSearchParams): Screen | undefined => {
  if (readOnly) return failureScreen(403, 'Read-only', 'The console was started to look only')
  const given = Buffer.from(form.get('token') ?? '')
  const own = Buffer.from(token)
  if (given.length === own.length && timingSafeEqual(given, own)) return undefined
  return failureScreen(
    403,
    'Page too old',
    'The page is of an earlier console, or of another site',
    'Go back, load the page again, and repeat.',
  )
}

const visitOf = (c: Context): Visit => {
  const { pathname, searchParams, search } = new URL(c.req.url)
  return { params: c.req.param() as Record<string, string>, query: searchParams, address: pathname + search }
}

const show = (c: Context<Env>, context: ConsoleContext, screen: Screen): Response =>
  c.html(
    layout(context, screen, { visit: visitOf(c), told: c.get('told'), assets: links }),
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

/** Nothing of another place is loaded, no script or style stands in a page, no other page shows this one in a frame. */
const SAFE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const

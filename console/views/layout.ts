import { createHash } from 'node:crypto'
import { BASE, type ConsoleContext, type Screen, type Visit } from '../context.ts'
import { type Html, html, textOf } from './html.ts'

export interface Frame {
  readonly visit: Visit
  /** The notice of the action before this page. */
  readonly notice?: string | undefined
  /** Addresses of the style sheet and of the script. */
  readonly assets: { readonly css: string; readonly js: string; readonly icon: string }
}

/** A whole page. */
export const layout = (context: ConsoleContext, screen: Screen, { visit, notice, assets }: Frame): string =>
  textOf(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${screen.title} · Holdfast</title>
<link rel="icon" href="${assets.icon}">
<link rel="stylesheet" href="${assets.css}">
<script src="${assets.js}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="${BASE}">Holdfast</a>
<nav aria-label="Screens"><a href="${BASE}">Queues</a><a href="${BASE}/redrives">Redrives</a><a href="${BASE}/triggers">Triggers</a></nav>
<form class="search" role="search" action="${BASE}">
<input type="search" name="prefix" aria-label="Queues whose name begins with" placeholder="Queue name" value="${visit.query.get('prefix') ?? ''}" id="search">
</form>
<p class="place">${context.place}${context.readOnly && html` <span class="badge">read-only</span>`}${context.hidePayloads && html` <span class="badge">payloads hidden</span>`}</p>
</header>
<main id="main" tabindex="-1"${liveAttributes(context, screen)}>
${trail(screen)}
${notice !== undefined && html`<p class="notice" role="status">${notice}</p>`}
${screen.main}
</main>
<footer><span id="live" role="status"></span><button type="button" id="keys-button" hidden>Keys: ?</button></footer>
${KEYS}
</body>
</html>
`)

const liveAttributes = ({ refreshSeconds }: ConsoleContext, { version }: Screen): Html | undefined =>
  version === undefined
    ? undefined
    : html` data-version="${versionOf(version)}" data-minimum="${refreshSeconds.minimum}" data-maximum="${refreshSeconds.maximum}"`

const versionOf = (version: unknown): string =>
  createHash('sha256').update(JSON.stringify(version)).digest('base64url').slice(0, 16)

const trail = ({ trail: steps, title }: Screen): Html =>
  html`<nav class="trail" aria-label="Breadcrumb">${steps.map(([name, href]) => html`<a href="${href}">${name}</a><span aria-hidden="true"> / </span>`)}<span aria-current="page">${title}</span></nav>`

const KEYS = html`<dialog id="keys" aria-labelledby="keys-title">
<h2 id="keys-title">Keys</h2>
<dl>
<div><dt><kbd>/</kbd></dt><dd>search for a queue</dd></div>
<div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous row</dd></div>
<div><dt><kbd>Enter</kbd></dt><dd>open the row</dd></div>
<div><dt><kbd>x</kbd></dt><dd>select the row</dd></div>
<div><dt><kbd>u</kbd></dt><dd>one step up</dd></div>
<div><dt><kbd>r</kbd></dt><dd>refresh now</dd></div>
<div><dt><kbd>?</kbd></dt><dd>show these keys</dd></div>
</dl>
<form method="dialog"><button>Close</button></form>
</dialog>`

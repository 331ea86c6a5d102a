import type { Sample } from '../history.ts'
import type { Flow, FlowsSeen } from '../leases-seen.ts'
import { type Html, html } from './html.ts'
import { count, duration } from './words.ts'

const number = (value: number): string => value.toFixed(1)

const scaled = (
  values: readonly (readonly [number, number])[],
  width: number,
  height: number,
  maximum: number,
): string => {
  const [first = [0, 0]] = values
  const last = values.at(-1) ?? first
  const span = Math.max(1, last[0] - first[0])
  return values
    .map(([at, value]) => `${number(((at - first[0]) / span) * width)},${number(height - (value / maximum) * height)}`)
    .join(' ')
}

/** The backlog as a small line chart. Undefined with fewer than two samples. */
export const sparkline = (samples: readonly Sample[]): Html | undefined => {
  if (samples.length < 2) return undefined
  const backlog = samples.map(({ at, ready, leased }) => [at, ready + leased] as const)
  const maximum = Math.max(1, ...backlog.map(([, value]) => value))
  const now = backlog.at(-1)?.[1] ?? 0
  return html`<svg class="spark" viewBox="0 -2 80 24" width="80" height="24" role="img" aria-label="Backlog, now ${count(now)}, at most ${count(maximum)}"><polyline points="${scaled(backlog, 80, 20, maximum)}"/></svg>`
}

const WIDTH = 640
const HEIGHT = 160
const SERIES = ['ready', 'leased', 'delayed'] as const

/** Messages by state over the time of the samples. */
export const stateChart = (samples: readonly Sample[]): Html => {
  if (samples.length < 2) return html`<p class="dim">The chart needs two counts. This page refreshes automatically.</p>`
  const seconds = ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)) / 1000
  const lines = SERIES.map((name) => ({
    color: name,
    text: `${name} ${rate(samples, name)}`,
    points: samples.map((sample) => [sample.at, sample[name]] as const),
  }))
  return chart(`Messages by state over the last ${duration(seconds)}`, lines, '')
}

/** Messages that were stored, received and settled each second. */
export const flowChart = ({ bucketSeconds }: Pick<FlowsSeen, 'bucketSeconds'>, flows: readonly Flow[]): Html => {
  // The last span has not ended yet.
  const ended = flows.slice(0, -1)
  const each = (name: Exclude<keyof Flow, 'at'>) => ended.map((flow) => [flow.at, flow[name] / bucketSeconds] as const)
  const lines = (
    [
      ['delayed', 'published', each('stored')],
      ['leased', 'received', each('received')],
      ['ready', 'acked', each('settled')],
    ] as const
  ).map(([color, name, points]) => ({ color, text: `${name} ${(points.at(-1)?.[1] ?? 0).toFixed(1)}/s`, points }))
  const seconds = ended.length * bucketSeconds
  return chart(`Messages a second over the last ${duration(seconds)}`, lines, '/s')
}

interface Line {
  readonly color: (typeof SERIES)[number]
  readonly text: string
  readonly points: readonly (readonly [number, number])[]
}

const chart = (title: string, lines: readonly Line[], unit: string): Html => {
  const maximum = Math.max(1, ...lines.flatMap(({ points }) => points.map(([, value]) => value)))
  const top = `${count(Math.ceil(maximum))}${unit}`
  return html`<figure class="chart"><p class="dim">${title}</p><svg viewBox="0 -4 ${WIDTH} ${HEIGHT + 8}" role="img" aria-label="${title}, at most ${top}" preserveAspectRatio="none">
<line class="rule" x1="0" x2="${WIDTH}" y1="0" y2="0"/><line class="rule" x1="0" x2="${WIDTH}" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}"/><line class="rule" x1="0" x2="${WIDTH}" y1="${HEIGHT}" y2="${HEIGHT}"/>
${lines.map(({ color, points }) => html`<polyline class="s-${color}" points="${scaled(points, WIDTH, HEIGHT, Math.max(1, Math.ceil(maximum)))}"/>`)}
</svg><figcaption>${lines.map(({ color, text }) => html`<span class="key k-${color}">${text}</span>`)}<span class="dim">top: ${top}</span></figcaption></figure>`
}

/** Samples from which `rate` computes a change. */
const RATE_SAMPLES = 5

/** The change of a count a second, over the last samples. */
const rate = (samples: readonly Sample[], name: (typeof SERIES)[number]): string => {
  const recent = samples.slice(-RATE_SAMPLES)
  const [first] = recent
  const last = recent.at(-1)
  if (!first || !last || last.at === first.at) return ''
  const change = ((last[name] - first[name]) * 1000) / (last.at - first.at)
  return `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(1)}/s`
}

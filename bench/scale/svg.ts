/** A plot of panels above each other that share the x axis, as SVG that is legible on light and on dark pages. */
export interface Plot {
  readonly title: string
  readonly x: Axis
  readonly panels: readonly Panel[]
}

interface Axis {
  /** With its unit. */
  readonly label: string
  readonly log?: boolean
  /** @default round numbers */
  readonly ticks?: readonly number[]
}

export interface Panel {
  readonly y: Axis & { readonly max?: number; readonly min?: number }
  readonly series: readonly Series[]
  /** Limits, drawn across the panel. */
  readonly lines?: readonly { readonly at: number; readonly name: string }[]
}

interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly dashed?: boolean
  /** Marks each point. */
  readonly marked?: boolean
}

const WIDTH = 760
const LEFT = 76
const RIGHT = 20
const TITLE = 34
const PANEL = 190
const GAP = 34
const LEGEND = 17
const CHARACTER = 6.6
const BOTTOM = 48
const COLOURS = ['#2f7ed8', '#e07b00', '#2a9d5c', '#a855f7', '#d64550', '#0f9fb0']

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #3a3f45 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #c9ced6; stroke-width: 1 }
.limit { stroke: #7a828c; stroke-width: 1.5; stroke-dasharray: 2 4 }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #d5dae1 } .grid { stroke: #3c444d } .limit { stroke: #9aa3ad } .paper { fill: #14181d }
}`

export const svg = ({ title, x, panels }: Plot): string => {
  const placed = panels.map((panel) => ({ panel, legend: legendOf(panel.series) }))
  const heights = placed.map(({ legend }) => legend.rows * LEGEND + PANEL + GAP)
  const height = TITLE + sumOf(heights) - GAP + BOTTOM
  const xs = panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([value]) => value)))
  const toX = scale(x, Math.min(...xs), Math.max(...xs), LEFT, WIDTH - RIGHT)
  const drawn = placed.map(({ panel, legend }, at) => {
    const top = TITLE + sumOf(heights.slice(0, at))
    return [legend.draw(top), drawPanel(panel, top + legend.rows * LEGEND, toX)].join('\n')
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="16" y="21">${escaped(title)}</text>`,
    ...drawn,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${height - 8}" text-anchor="middle">${escaped(x.label)}</text>`,
    '</svg>\n',
  ].join('\n')
}

interface Scale {
  readonly ticks: readonly number[]
  readonly of: (value: number) => number
}

const drawPanel = ({ y, series, lines = [] }: Panel, top: number, toX: Scale): string => {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value))
  const most = y.max ?? Math.max(...values, ...lines.map(({ at }) => at)) * (y.log ? 1.5 : 1.06)
  const least = y.min ?? (y.log ? Math.min(...values.filter((value) => value > 0)) / 1.5 : 0)
  const toY = scale(y, least, most, top + PANEL, top)
  const inside = (value: number) =>
    round(Math.min(top + PANEL, Math.max(top, toY.of(y.log ? Math.max(value, least) : value))))
  const grid = toY.ticks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${inside(tick)}" y2="${inside(tick)}"/><text x="${LEFT - 8}" y="${inside(tick) + 4}" text-anchor="end">${shown(tick)}</text>`,
  )
  const below = toX.ticks.map((tick) => {
    const x = round(toX.of(tick))
    const anchor = x > WIDTH - RIGHT - 1 ? 'end' : 'middle'
    return `<text x="${x}" y="${top + PANEL + 17}" text-anchor="${anchor}">${shown(tick)}</text>`
  })
  const limits = lines.map(
    ({ at, name }) =>
      `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${inside(at)}" y2="${inside(at)}"/><text x="${WIDTH - RIGHT - 4}" y="${inside(at) - 5}" text-anchor="end">${escaped(name)}</text>`,
  )
  const curves = series.map(({ points, dashed, marked }, at) => {
    const colour = COLOURS[at % COLOURS.length]
    const placed = points.map(([px, py]) => `${round(toX.of(px))},${inside(py)}`)
    const dots = marked ? placed.map((place) => dot(place, colour)).join('') : ''
    const dash = dashed ? DASHED : ''
    return `<polyline points="${placed.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>${dots}`
  })
  const label = `<text transform="translate(16 ${top + PANEL / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`
  return [...grid, ...below, ...limits, ...curves, label].join('\n')
}

const DASHED = ' stroke-dasharray="6 4"'

/** The names of the series above their panel, in as many rows as they take. */
const legendOf = (series: readonly Series[]) => {
  const places: { readonly x: number; readonly row: number }[] = []
  const next = { x: LEFT, row: 0 }
  for (const { name } of series) {
    const width = 44 + name.length * CHARACTER
    if (next.x > LEFT && next.x + width > WIDTH - RIGHT) Object.assign(next, { x: LEFT, row: next.row + 1 })
    places.push({ ...next })
    next.x += width
  }
  const draw = (top: number): string =>
    series
      .map(({ name, dashed }, at) => {
        const { x, row } = places[at] as (typeof places)[number]
        const y = top + row * LEGEND + 5
        const line = `<line x1="${round(x)}" x2="${round(x) + 22}" y1="${y}" y2="${y}" stroke="${COLOURS[at % COLOURS.length]}" stroke-width="3"${dashed ? DASHED : ''}/>`
        return `${line}<text x="${round(x) + 28}" y="${y + 4}">${escaped(name)}</text>`
      })
      .join('\n')
  return { rows: next.row + 1, draw }
}

const sumOf = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const dot = (place: string, colour: string | undefined): string => {
  const [cx, cy] = place.split(',')
  return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`
}

const scale = ({ log = false, ticks }: Axis, least: number, most: number, from: number, to: number): Scale => {
  const measure = log ? Math.log10 : (value: number) => value
  const [low, high] = [measure(least), measure(most)]
  const span = high > low ? high - low : 1
  return {
    ticks: (ticks ?? (log ? decades(least, most) : roundNumbers(least, most))).filter(
      (at) => at >= least && at <= most,
    ),
    of: (value) => from + ((measure(value) - low) / span) * (to - from),
  }
}

const decades = (least: number, most: number): number[] => {
  const first = Math.floor(Math.log10(least))
  return Array.from({ length: Math.ceil(Math.log10(most)) - first + 1 }, (_, at) => 10 ** (first + at))
}

const roundNumbers = (least: number, most: number): number[] => {
  const rough = (most - least) / 5 || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number) * power
  const first = Math.ceil(least / step)
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, at) => (first + at) * step)
}

const shown = (value: number): string =>
  value !== 0 && Math.abs(value) < 1 ? String(Number(value.toPrecision(2))) : Math.round(value).toLocaleString('en')
const round = (value: number): number => Math.round(value * 10) / 10
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** One measured number, with its goal where there is one. */
export interface Figure {
  readonly section: string
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The value must not exceed it. */
  readonly goal?: number
}

export const isMet = ({ value, goal }: Figure): boolean => goal === undefined || rounded(value) <= goal

/** Three digits after the point, as printed: a difference that is not printed misses no goal. */
const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

export const printFigure = (figure: Figure): string => {
  const { name, value, unit, goal } = figure
  const mark = goal === undefined ? '    ' : isMet(figure) ? 'ok  ' : 'MISS'
  const against = goal === undefined ? '' : `  (goal ≤ ${goal})`
  return `  ${mark} ${name.padEnd(66)} ${String(rounded(value)).padStart(10)} ${unit}${against}`
}

/** One measured number, with its goal where there is one. */
export interface Figure {
  readonly section: string
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The highest value that meets the goal. */
  readonly goal?: number
  /** The lowest value that meets the goal. */
  readonly least?: number
}

export const hasGoal = ({ goal, least }: Figure): boolean => goal !== undefined || least !== undefined

export const isMet = ({ value, goal = Number.POSITIVE_INFINITY, least = Number.NEGATIVE_INFINITY }: Figure): boolean =>
  rounded(value) <= goal && rounded(value) >= least

/** The value with three decimals, as it is printed: a difference that is not printed misses no goal. */
const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

export const printFigure = (figure: Figure): string => {
  const { name, value, unit, goal, least } = figure
  const mark = !hasGoal(figure) ? '    ' : isMet(figure) ? 'ok  ' : 'MISS'
  const against = goal !== undefined ? `  (goal ≤ ${goal})` : least !== undefined ? `  (goal ≥ ${least})` : ''
  return `  ${mark} ${name.padEnd(66)} ${String(rounded(value)).padStart(10)} ${unit}${against}`
}

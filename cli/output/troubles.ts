import type { Cure, Level, Trouble } from '../trouble.ts'
import type { Output } from './output.ts'

/** A mark whose sign, not only its colour, differs by level. */
export const mark = (out: Output, level: Level | undefined): string => {
  if (level === 'bad') return out.style('red', '✖')
  if (level === 'warning') return out.style('yellow', '!')
  return out.style('green', '✔')
}

/** What is wrong, and beneath it the commands that show and cure it. */
export const printTroubles = (out: Output, troubles: readonly Trouble[], options: string): void => {
  if (troubles.length === 0) out.text(`${mark(out, undefined)} nothing is wrong with it`)
  for (const { level, what, cures } of troubles) {
    out.text(`${mark(out, level)} ${what}`)
    for (const cure of cures) out.text(`    ${cureLine(out, cure, options)}`)
  }
}

const cureLine = (out: Output, { command, effect }: Cure, options: string): string =>
  command === undefined ? `→ ${effect}` : `→ ${out.style('cyan', commandLine(command, options))}   ${effect}`

/** A command to copy, with the options that lead to the same target. */
const commandLine = (command: string, options: string): string =>
  `holdfast ${command}${options === '' ? '' : ` ${options}`}`

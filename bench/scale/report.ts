/** What one question of the scale model comes to. */
export interface Report {
  /** Rows for people, in Markdown. */
  readonly table: string
  /** SVG by the name of its file. */
  readonly plots: Readonly<Record<string, string>>
}

/** Tells of a part that is done, since a run takes minutes. */
export type Progress = (line: string) => void

export const markdown = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.map(shown).join(' | ')} |`).join('\n')

const shown = (cell: string | number): string => {
  if (typeof cell === 'string') return cell
  return Math.abs(cell) >= 100 ? Math.round(cell).toLocaleString('en') : String(Number(cell.toPrecision(3)))
}

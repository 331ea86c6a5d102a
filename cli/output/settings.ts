import type { QueueJson } from '../trouble.ts'
import type { Output } from './output.ts'
import { duration, relative, visible } from './words.ts'

/** Every setting that the API returns, spelled as `set` takes it. */
export const printSettings = (out: Output, queue: QueueJson, now: number): void => {
  const { name: _, counts: __, createdAt, modifiedAt, tags, ...settings } = queue
  const rows = Object.entries(settings).flatMap(([setting, value]) => settingRows(setting, value))
  for (const [key, value] of Object.entries(tags)) rows.push([visible(`tags.${key}`), visible(value)])
  out.table(['SETTING', 'VALUE'], rows)
  out.text(`\nCreated ${relative(createdAt, now)}, changed ${relative(modifiedAt, now)}.`)
}

const settingRows = (setting: string, value: unknown): string[][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([name, inner]) => settingRows(`${setting}.${name}`, inner))
    : [[setting, shown(setting, value)]]

const shown = (setting: string, value: unknown): string => {
  if (setting.endsWith('Seconds') && typeof value === 'number' && value >= 60) {
    return `${value} (${duration(value * 1_000)})`
  }
  return visible(typeof value === 'string' ? value : JSON.stringify(value))
}

import { selectionOf } from '../../../cli/expressions/selection.ts'
import { duration, oneLine, relative, secondsIn, visible } from '../../../cli/output/words.ts'
import { settingsFrom } from '../../../cli/settings.ts'
import { UsageError } from '../../../functions/local/usage-error.ts'
import { decodeMessageId } from '../../../lib/model/message-id.ts'
import { demand, orRefusal } from '../judge.ts'

/** Values on the command line, one a line: a duration, settings, a test of a member, an instant, a text to show, an id. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [amount = '', ...settings] = data.toString('utf8').split('\n').slice(0, 8)
  await checkDuration(amount)
  const found = await orRefusal(() => settingsFrom(settings), isUsage)
  demand(Object.keys(Object.prototype).length === 0 && !('polluted' in {}), 'a setting changed other objects', settings)
  if (found) checkSettings(found, settings)
  for (const text of settings) {
    const selected = await orRefusal(() => selectionOf({ field: [text] }), isUsage)
    await orRefusal(() => selected?.([{ body: { a: { b: 1 } } }, { body: null }, {}]), never)
    await orRefusal(() => [relative(text, 0), decodeMessageId(text, { standard: true })], never)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these steer a terminal
    demand(!/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(visible(text)), 'a text steers the terminal', text)
    demand(oneLine(text, 20).length <= 20, 'a line is longer than its width', text)
  }
}

const never = () => false
const isUsage = (error: unknown) => error instanceof UsageError

const UNIT_SECONDS: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1, '': 1 }

/** A plain reading of a duration: numbers, each with its unit, from the largest unit to the smallest. */
const plainSeconds = (text: string): number | undefined => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([wdhms]?)/g)]
  if (text === '' || parts.map(([part]) => part).join('') !== text) return undefined
  const units = parts.map(([, , unit = '']) => unit)
  const isOrdered = units.every(
    (unit, at) => at === 0 || 'wdhms'.indexOf(units[at - 1] as string) < 'wdhms'.indexOf(unit),
  )
  if (!isOrdered || (units.includes('') && parts.length > 1)) return undefined
  if (parts.some(([, number = '', unit]) => number.includes('.') && unit !== 's' && unit !== '')) return undefined
  const sum = parts.reduce((seconds, [, number, unit = '']) => seconds + Number(number) * (UNIT_SECONDS[unit] ?? 0), 0)
  return Number.isFinite(sum * 1_000) ? sum : undefined
}

const checkDuration = async (text: string): Promise<void> => {
  const seconds = await orRefusal(() => secondsIn(text), never)
  demand(seconds === plainSeconds(text), 'a duration is read in two ways', { text, seconds })
  if (seconds !== undefined) demand(/^\d/.test(duration(seconds * 1_000)), 'a duration has no words', seconds)
}

/** Each setting is in the result, under its own path, and survives the way to the API. */
const checkSettings = (found: Record<string, unknown>, given: readonly string[]): void => {
  const names = new Set(given.map((one) => one.slice(0, one.indexOf('=')).split('.')[0] as string))
  demand(
    Object.keys(found).every((name) => names.has(name)),
    'a setting came from nowhere',
    found,
  )
  for (const name of names) demand(Object.hasOwn(found, name), 'a setting got lost', { name, found })
}

export const dictionary: readonly string[] = [
  '1h30m',
  '1.5s',
  '2w3d',
  '9'.repeat(309),
  '\n',
  '__proto__.polluted=1',
  'constructor.prototype.polluted=1',
  'deadLetter={"queue":"q"}',
  'deadLetter=orders-failed:3',
  'deadLetter.maxReceives=3',
  'tags.team=billing',
  'retentionSeconds=14d',
  'results=none',
  'a.b=1',
  '2030-01-01T00:00:00Z',
  '019ca945-0a00-8000-801b-ff0fd396070b',
  '\x1b[2J',
]

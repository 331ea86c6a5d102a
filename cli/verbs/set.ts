import { printSettings } from '../output/settings.ts'
import { settingsFrom } from '../settings.ts'
import { verb } from '../verb.ts'

export const SETTINGS_HELP =
  'Settings have the names of the HTTP API ("holdfast queue NAME" shows them). A dot names a member of a setting, a duration such as 5m or 14d fits where seconds are wanted, none removes an optional setting, and tags.NAME=VALUE tags the queue.'

export const set = verb({
  syntax: 'set <queue> <settings...>',
  group: 'Queues',
  summary: 'change settings of a queue',
  details: `Settings that are not named stay. ${SETTINGS_HELP}`,
  examples: [
    ['holdfast set orders visibilityTimeoutSeconds=2m', 'lease messages for two minutes'],
    ['holdfast set orders deadLetter=orders-failed:5', 'dead-letter messages after five receives'],
    ['holdfast set orders retryPolicy.initialSeconds=1 retryPolicy.maximumSeconds=5m', 'back off between tries'],
    ['holdfast set orders deadLetter=none tags.team=billing', 'take a setting away, and tag the queue'],
  ],
  run: async ({ target, out, now }, [queue = '', ...settings]) => {
    const changed = await target.call('updateQueue', { params: { queue }, body: settingsFrom(settings) })
    if (out.json) return void out.record(changed)
    printSettings(out, changed, now())
  },
})

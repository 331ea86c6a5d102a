import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { MODEL } from '../../../functions/sqs/model.ts'
import { isQueueAttribute, NUMBER_EXTENSIONS, OTHER_EXTENSIONS } from '../../../functions/sqs/queue-attribute-names.ts'

test('the documentation names every action of SQS and every attribute of Holdfast', async () => {
  const text = await readFile(new URL('../../../docs/sqs.md', import.meta.url), 'utf8')
  const actions = Object.keys(MODEL)
  expect(actions).toHaveLength(23)
  const named = actions.filter(
    (action) => text.includes(`\`${action}\``) || text.includes(`\`${action.replace('Batch', '')}\` (\`Batch\`)`),
  )
  expect(named).toEqual(actions)
  for (const attribute of [...Object.keys(NUMBER_EXTENSIONS), ...OTHER_EXTENSIONS]) {
    expect(text).toContain(`| \`${attribute}\` |`)
    expect(isQueueAttribute(attribute)).toBe(false)
  }
})

import { describe, expect, test } from 'vitest'
import { failureOf, sqsHarness } from './harness.ts'

describe('tags', () => {
  test('are put, listed, replaced and removed', async () => {
    const sqs = sqsHarness()
    const { body } = await sqs.json('CreateQueue', { QueueName: 'orders', tags: { team: 'shop', tier: '1' } })
    const { QueueUrl } = body
    await sqs.json('TagQueue', { QueueUrl, Tags: { tier: '2', empty: '' } })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({
      Tags: { team: 'shop', tier: '2', empty: '' },
    })
    await sqs.json('UntagQueue', { QueueUrl, TagKeys: ['team', 'empty', 'never'] })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({ Tags: { tier: '2' } })
    const { xml } = await sqs.query({ Action: 'ListQueueTags', QueueUrl })
    expect(xml).toContain('<Tag><Key>tier</Key><Value>2</Value></Tag>')
  })

  test('in the query protocol too', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.query({
      Action: 'TagQueue',
      QueueUrl,
      'Tag.1.Key': 'a',
      'Tag.1.Value': '1',
      'Tag.2.Key': 'b',
      'Tag.2.Value': '2',
    })
    await sqs.query({ Action: 'UntagQueue', QueueUrl, 'TagKey.1': 'a' })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({ Tags: { b: '2' } })
  })

  test.each([
    [{ '': 'x' }, 'Tag keys'],
    [{ ['k'.repeat(129)]: 'x' }, 'Tag keys'],
    [{ 'aws:mine': 'x' }, 'Tag keys'],
    [{ k: 'v'.repeat(257) }, 'Tag values'],
    [
      Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v'])),
      'Too many tags added for queue orders.',
    ],
    [{}, 'The request must contain the parameter Tags.'],
  ])('are refused: %#', async (Tags, message) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('TagQueue', { QueueUrl, Tags })).message).toContain(message)
  })

  test('of null are refused, with all tags of the call', async () => {
    const sqs = sqsHarness()
    const tags = { valid: 'ok', broken: null }
    const refusal = {
      shape: 'InvalidParameterValueException',
      message: "The value of 'broken' must not be null.",
    }
    expect(failureOf(await sqs.json('CreateQueue', { QueueName: 'orders', tags }))).toMatchObject(refusal)
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('TagQueue', { QueueUrl, Tags: tags }))).toMatchObject(refusal)
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({})
  })

  test('are not taken off without a key', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('UntagQueue', { QueueUrl, TagKeys: [] })).message).toBe(
      'Tag keys must be between 1 and 128 characters in length.',
    )
  })
})

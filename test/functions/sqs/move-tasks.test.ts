import { expect, test } from 'vitest'
import { runRedrive } from '../../../lib/redrive/redrive.ts'
import { failureOf, sqsHarness } from './harness.ts'

const ARN = 'arn:aws:sqs:us-east-1:000000000000'
const DEAD = `${ARN}:dead`

/** A dead-letter queue with a message of each of two queues; redrives run when the test says so. */
const withDeadLetters = async () => {
  const waiting: (() => Promise<void>)[] = []
  const sqs = sqsHarness({
    redrives: async (queue, taskId) => {
      waiting.push(async () => void (await runRedrive(sqs.engine, queue, taskId)))
    },
  })
  await sqs.queue('dead')
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: DEAD, maxReceiveCount: 1 })
  for (const name of ['a', 'b']) {
    const QueueUrl = await sqs.queue(name, { RedrivePolicy })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: `of ${name}` })
    await sqs.json('ReceiveMessage', { QueueUrl, VisibilityTimeout: 0 })
    await sqs.json('ReceiveMessage', { QueueUrl })
  }
  const run = async () => {
    for (const task of waiting.splice(0)) await task()
  }
  const bodies = async (name: string) => {
    const QueueUrl = `http://localhost:9324/000000000000/${name}`
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
    return (body.Messages ?? []).map(({ Body }: { Body: string }) => Body)
  }
  return { sqs, run, bodies }
}

test('messages go back to where each came from', async () => {
  const { sqs, run, bodies } = await withDeadLetters()
  const { body } = await sqs.json('StartMessageMoveTask', { SourceArn: DEAD })
  expect(JSON.parse(Buffer.from(body.TaskHandle, 'base64').toString())).toEqual({
    taskId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
    sourceArn: DEAD,
  })
  const running = await sqs.json('ListMessageMoveTasks', { SourceArn: DEAD })
  expect(running.body).toEqual({
    Results: [
      {
        TaskHandle: body.TaskHandle,
        Status: 'RUNNING',
        SourceArn: DEAD,
        ApproximateNumberOfMessagesMoved: 0,
        ApproximateNumberOfMessagesToMove: 2,
        StartedTimestamp: sqs.engine.clock.now(),
      },
    ],
  })
  await run()
  const { body: listed } = await sqs.json('ListMessageMoveTasks', { SourceArn: DEAD, MaxResults: 10 })
  expect(listed.Results).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 2 }])
  expect(listed.Results[0].TaskHandle).toBeUndefined()
  expect([await bodies('a'), await bodies('b'), await bodies('dead')]).toEqual([['of a'], ['of b'], []])
})

test('messages go to a queue that is named, at a rate', async () => {
  const { sqs, run, bodies } = await withDeadLetters()
  await sqs.queue('elsewhere')
  const input = { SourceArn: DEAD, DestinationArn: `${ARN}:elsewhere`, MaxNumberOfMessagesPerSecond: 500 }
  expect((await sqs.json('StartMessageMoveTask', input)).status).toBe(200)
  const moving = run()
  await sqs.engine.clock.advance(10_000)
  await moving
  expect((await bodies('elsewhere')).sort()).toEqual(['of a', 'of b'])
  const { xml } = await sqs.query({ Action: 'ListMessageMoveTasks', SourceArn: DEAD })
  expect(xml).toContain(
    `<DestinationArn>${ARN}:elsewhere</DestinationArn><MaxNumberOfMessagesPerSecond>500</MaxNumberOfMessagesPerSecond>`,
  )
})

test('one task runs at a time, and a running one can be cancelled', async () => {
  const { sqs, run, bodies } = await withDeadLetters()
  const { body } = await sqs.json('StartMessageMoveTask', { SourceArn: DEAD })
  expect(failureOf(await sqs.json('StartMessageMoveTask', { SourceArn: DEAD }))).toMatchObject({
    shape: 'InvalidParameterValueException',
    message: 'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
  })
  const { TaskHandle } = body
  expect((await sqs.json('CancelMessageMoveTask', { TaskHandle })).body).toEqual({
    ApproximateNumberOfMessagesMoved: 0,
  })
  await run()
  expect(await bodies('dead')).toHaveLength(2)
  expect((await sqs.json('ListMessageMoveTasks', { SourceArn: DEAD })).body.Results[0].Status).toBe('CANCELLED')
  expect(failureOf(await sqs.json('CancelMessageMoveTask', { TaskHandle }))).toEqual({
    status: 404,
    shape: 'ResourceNotFoundException',
    code: 'ResourceNotFoundException;Sender',
    message: 'Task does not exist.',
  })
})

test('a slow task that is cancelled has the number of messages that it moved', async () => {
  const { sqs, run, bodies } = await withDeadLetters()
  const { body } = await sqs.json('StartMessageMoveTask', { SourceArn: DEAD, MaxNumberOfMessagesPerSecond: 1 })
  const running = run()
  await sqs.engine.clock.advance(1_500)
  expect((await sqs.json('CancelMessageMoveTask', body)).body).toEqual({ ApproximateNumberOfMessagesMoved: 1 })
  await sqs.engine.clock.advance(1_000)
  await running
  const { body: listed } = await sqs.json('ListMessageMoveTasks', { SourceArn: DEAD })
  expect(listed.Results).toMatchObject([{ Status: 'CANCELLED', ApproximateNumberOfMessagesMoved: 2 }])
  expect(await bodies('dead')).toEqual([])
})

test.each([
  [
    { SourceArn: 'dead' },
    400,
    'You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>',
  ],
  [{}, 400, 'The request must contain the parameter SourceArn.'],
  [{ SourceArn: `${ARN}:missing` }, 404, "The resource that you specified for the SourceArn parameter doesn't exist."],
  [{ SourceArn: `${ARN}:a` }, 400, 'Source queue must be configured as a Dead Letter Queue.'],
  [
    { SourceArn: DEAD, DestinationArn: `${ARN}:missing` },
    404,
    "The resource that you specified for the DestinationArn parameter doesn't exist.",
  ],
  [{ SourceArn: DEAD, DestinationArn: DEAD }, 400, 'Source queue and destination queue must be different.'],
  [
    { SourceArn: DEAD, MaxNumberOfMessagesPerSecond: 501 },
    400,
    'Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and 500.',
  ],
])('a task is refused: %j', async (input, status, message) => {
  const { sqs } = await withDeadLetters()
  expect(failureOf(await sqs.json('StartMessageMoveTask', input))).toMatchObject({ status, message })
})

test('handles and sizes that make no sense are refused', async () => {
  const { sqs } = await withDeadLetters()
  for (const TaskHandle of ['x', Buffer.from('{}').toString('base64'), Buffer.from('null').toString('base64')]) {
    expect(failureOf(await sqs.json('CancelMessageMoveTask', { TaskHandle })).message).toBe(
      'Value for parameter TaskHandle is invalid.',
    )
  }
  const unknown = Buffer.from(JSON.stringify({ taskId: 'x', sourceArn: DEAD })).toString('base64')
  expect(failureOf(await sqs.json('CancelMessageMoveTask', { TaskHandle: unknown })).message).toBe(
    'Task does not exist.',
  )
  expect(failureOf(await sqs.json('ListMessageMoveTasks', { SourceArn: DEAD, MaxResults: 11 })).message).toBe(
    'Value 11 for parameter MaxResults is invalid. Reason: Must be between 1 and 10.',
  )
  expect((await sqs.json('ListMessageMoveTasks', { SourceArn: `${ARN}:a` })).body).toEqual({})
})

test("a task whose destination is deleted fails, and its FailureReason is the error's code", async () => {
  const { sqs, run, bodies } = await withDeadLetters()
  const QueueUrl = await sqs.queue('elsewhere')
  await sqs.json('StartMessageMoveTask', { SourceArn: DEAD, DestinationArn: `${ARN}:elsewhere` })
  await sqs.json('DeleteQueue', { QueueUrl })
  await run()
  const { body } = await sqs.json('ListMessageMoveTasks', { SourceArn: DEAD })
  expect(body.Results).toMatchObject([
    { Status: 'FAILED', FailureReason: 'AWS.SimpleQueueService.NonExistentQueue', ApproximateNumberOfMessagesMoved: 0 },
  ])
  expect(await bodies('dead')).toEqual(['of a', 'of b'])
})

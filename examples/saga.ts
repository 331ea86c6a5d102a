import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Client, Worker } from '../lib/index.ts'

/** The bookings of a trip, in order. Each step has a worker of its own. */
const STEPS = ['flight', 'hotel', 'car'] as const
type Step = (typeof STEPS)[number]

export interface Trip {
  readonly trip: string
}

const queueOf = (step: Step): string => `book-${step}`

export const createQueues = async (holdfast: Client): Promise<void> => {
  for (const step of STEPS) await holdfast.createQueue(queueOf(step))
}

/** Begins a trip: one transaction stores its record and the message of its first step, once. */
export const beginTrip = async (
  holdfast: Client,
  dynamodb: DynamoDBClient,
  trips: string,
  trip: string,
): Promise<void> => {
  const tx = holdfast.transaction({ transactionId: `trip-${trip}` })
  tx.publish(queueOf('flight'), [{ body: { trip } }])
  await tx.commit(dynamodb, [{ Put: { TableName: trips, Item: { id: { S: trip }, booked: { L: [] } } } }])
}

/**
 * The worker of a step. One transaction acks the step's message, records the booking and publishes the next step's message.
 * So no step is lost or recorded twice, and no step begins before the one before it is recorded.
 *
 * @param book does the work, with an id under which repeating it is safe
 */
export const bookStep = (holdfast: Client, { dynamodb, trips, step, book }: Parts & { readonly step: Step }): Worker =>
  holdfast.queue<Trip>(queueOf(step)).consume(async (message) => {
    const { trip } = message.body
    await book(step, `${trip}-${step}`)
    const tx = holdfast.transaction()
    tx.ack(message)
    const next = STEPS[STEPS.indexOf(step) + 1]
    if (next) tx.publish(queueOf(next), [{ body: { trip } }])
    await tx.commit(dynamodb, [note(trips, trip, step)])
  })

interface Parts {
  readonly dynamodb: DynamoDBClient
  readonly trips: string
  readonly book: (step: Step, id: string) => Promise<void>
}

const note = (TableName: string, trip: string, step: Step): TransactWriteItem => ({
  Update: {
    TableName,
    Key: { id: { S: trip } },
    UpdateExpression: 'SET booked = list_append(booked, :step)',
    ConditionExpression: 'NOT contains(booked, :name)',
    ExpressionAttributeValues: { ':step': { L: [{ S: step }] }, ':name': { S: step } },
  },
})

/** Runs a worker for each step. */
export const bookTrips = (holdfast: Client, parts: Parts): Worker[] =>
  STEPS.map((step) => bookStep(holdfast, { ...parts, step }))

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { createEngine, type Engine } from '../lib/engine.ts'
import type { SettingsChange } from '../lib/model/queue-settings.ts'
import { createQueue } from '../lib/queues/create-queue.ts'
import { dynamodbStore } from '../lib/store/dynamodb/dynamodb-store.ts'
import { createTable } from '../lib/store/dynamodb/table.ts'
import { enginePath, startEngineProcess } from '../test/support/engine-process.ts'
import { startMeter, type Usage, usageBetween } from './meter.ts'

/** A table behind a meter, on a DynamoDB engine that nothing else uses. */
export interface Rig {
  /** A new engine with hints of its own, as another process has. */
  process(): Engine
  /** Such an engine without the meter, for work that is not measured. */
  unmetered(): Engine
  /** A new queue with a name of its own. */
  queue(settings?: SettingsChange): Promise<string>
  fifoQueue(settings: SettingsChange): Promise<string>
  /** Does some work and measures its requests to the table. */
  measure<T>(work: () => Promise<T>): Promise<{ result: T; usage: Usage }>
  stop(): Promise<void>
}

const TABLE = 'holdfast'

export const startRig = async ({ latencyMs = 0 } = {}): Promise<Rig> => {
  const binary = enginePath()
  if (!binary) throw new Error('the embedded DynamoDB engine is not installed for this platform: npm install')
  const database = await startEngineProcess(binary)
  const meter = await startMeter(database.endpoint, { latencyMs })
  const clients: DynamoDBClient[] = []
  const client = (endpoint: string) => {
    const made = new DynamoDBClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 3,
      accountIdEndpointMode: 'disabled',
      cacheMiddleware: true,
    })
    clients.push(made)
    return made
  }
  const shared = client(meter.endpoint)
  const direct = client(database.endpoint)
  await createTable(shared, TABLE)
  const engineOn = (through: DynamoDBClient) =>
    createEngine({ store: dynamodbStore({ client: through, table: TABLE }) })
  const process = () => engineOn(shared)
  const setup = process()
  let queues = 0
  const queue = async (settings: SettingsChange = {}, suffix = '') => {
    const name = `orders-${++queues}${suffix}`
    await createQueue(setup, name, { settings })
    return name
  }
  return {
    process,
    unmetered: () => engineOn(direct),
    queue,
    fifoQueue: (settings) => queue(settings, '.fifo'),
    measure: async (work) => {
      const before = meter.read()
      const result = await work()
      return { result, usage: usageBetween(before, meter.read()) }
    },
    stop: async () => {
      for (const made of clients) made.destroy()
      await meter.stop()
      await database.stop()
    },
  }
}

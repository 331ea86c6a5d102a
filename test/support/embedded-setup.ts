import type { TestProject } from 'vitest/node'
import { enginePath, startEngineProcess } from './engine-process.ts'

/** One embedded engine for a whole run of vitest; each suite has tables of its own on it. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.HOLDFAST_TEST_ENDPOINT
  if (given) {
    project.provide('dynamodbEndpoint', given)
    return undefined
  }
  const binary = enginePath()
  if (!binary) {
    const missing = `@dynoxide/${process.platform}-${process.arch} is not installed`
    // In CI, hundreds of skipped tests would look like tests that passed.
    if (process.env.CI === 'true') throw new Error(`CI needs the embedded engine, and ${missing}`)
    console.warn(`SKIPPED: everything on the embedded engine, since ${missing}`)
    project.provide('dynamodbEndpoint', '')
    return undefined
  }
  const engine = await startEngineProcess(binary)
  project.provide('dynamodbEndpoint', engine.endpoint)
  return engine.stop
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the run's DynamoDB is; empty when there is none. */
    dynamodbEndpoint: string
  }
}

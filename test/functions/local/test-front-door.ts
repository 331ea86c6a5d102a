import { createApp } from '../../../functions/http/app.ts'
import { callerCheck } from '../../../functions/local/caller-check.ts'
import { type FrontDoor, type FrontDoorParts, frontDoor } from '../../../functions/local/front-door.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { type SqsEndpointParts, sqsEndpoint } from '../../../functions/sqs/endpoint.ts'
import type { Engine } from '../../../lib/engine.ts'

/** The local server's front door, open to everyone on this machine unless the parts say otherwise. */
export const testFrontDoor = (
  engine: Engine,
  { sqs, ...parts }: Partial<Omit<FrontDoorParts, 'sqs'>> & { sqs?: Partial<SqsEndpointParts> } = {},
): FrontDoor =>
  frontDoor({
    http: createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog }),
    sqs: sqsEndpoint({ engine, redrives: async () => {}, ...sqs }),
    check: callerCheck({ host: '127.0.0.1' }),
    signed: false,
    httpOpen: true,
    openApi: () => ({ openapi: '3.1.0' }),
    ...parts,
  })

import { callApp } from '../../console/call-app.ts'
import { type Console, createConsole } from '../../console/console.ts'
import type { Engine } from '../../lib/engine.ts'
import { type App, createApp } from '../http/app.ts'
import { openApiDocument } from '../http/openapi.ts'
import { allOperations } from '../operations/all.ts'
import { OPEN_RULES } from '../operations/move-rules.ts'
import type { Log } from '../runtime/log.ts'
import type { WakeRedrive } from '../runtime/redrives.ts'
import { sqsEndpoint } from '../sqs/endpoint.ts'
import { DEFAULT_SCOPE, queueNames, sharedQueueNames } from '../sqs/queue-url.ts'
import type { Authenticator } from '../sqs/sigv4.ts'
import { callerCheck } from './caller-check.ts'
import { type FrontDoor, frontDoor } from './front-door.ts'
import type { FlowLog } from './leases/flow-log.ts'
import type { LeaseLog } from './leases/lease-log.ts'
import type { LocalOptions } from './options.ts'
import { type UsageLog, usageLog } from './usage-log.ts'

export interface LocalParts {
  readonly options: Pick<LocalOptions, 'host' | 'allowedHost' | 'httpOpen' | 'cooldowns' | 'regions'>
  readonly engine: Engine
  readonly wakeRedrive: WakeRedrive
  /** Verifies the signatures of SQS clients. @default none is verified */
  readonly authenticate?: Authenticator | undefined
  readonly log: Log
  /** What the console shows of the leases of messages. @default what the queues keep */
  readonly leases?: LeaseLog
  /** What the console shows of the messages that go through queues. @default what counts tell */
  readonly flows?: FlowLog
  /** What queues used, which `GET /usage` tells. @default a log of requests, without units */
  readonly usage?: UsageLog
  /** Where messages are kept, for the console. */
  readonly place: string
}

/** The HTTP API and the SQS endpoint over one engine, as the command line configures them. */
export const composeFrontDoor = (parts: LocalParts): FrontDoor => {
  const { options, engine, wakeRedrive, authenticate, log, usage = usageLog(engine.clock, false) } = parts
  const { host, allowedHost, cooldowns } = options
  // Keys and policies name accounts and regions: with them, accounts and regions have queues of their own.
  const sharedScopes = !options.regions && authenticate === undefined
  const names = sharedScopes ? sharedQueueNames(DEFAULT_SCOPE) : queueNames()
  const operations = allOperations(wakeRedrive, { ...OPEN_RULES, names })
  const http = createApp({ operations, engine: () => engine, log, answered: usage.request })
  return frontDoor({
    check: callerCheck({ host, allowedHosts: allowedHost }),
    signed: authenticate !== undefined,
    httpOpen: options.httpOpen || authenticate === undefined,
    http,
    console: consoleOver(http, parts),
    sqs: sqsEndpoint({
      engine,
      redrives: wakeRedrive,
      log,
      answered: usage.request,
      cooldowns: { recreation: cooldowns, purge: cooldowns },
      sharedScopes,
      ...(authenticate && { authenticate }),
    }),
    openApi: openApiDocument,
    usage: usage.read,
  })
}

const consoleOver = (http: App, { engine, log, place, leases, flows }: LocalParts): Console =>
  createConsole({
    call: callApp(http),
    place,
    leases,
    flows,
    now: engine.clock.now,
    failed: (error) => log.error('the console failed unexpectedly', { error }),
  })

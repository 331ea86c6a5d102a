import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { moveRules } from './operations/move-rules.ts'
import { redriveOperations } from './operations/redrive.ts'
import { observed } from './runtime/observed.ts'
import { invokeRedrive, isRedriveEvent, type RedriveEvent } from './runtime/redrive-invocation.ts'
import { runRedrives } from './runtime/run-redrives.ts'
import { serve } from './runtime/serve.ts'
import { invokeBySignedPost } from './runtime/signed-invocation.ts'
import { countMissingRight, lambdaLog } from './runtime/telemetry.ts'

const work = observed(runRedrives)
const answer = serve(
  redriveOperations(invokeRedrive(lambdaLog, invokeBySignedPost, countMissingRight), () => moveRules(process.env)),
)

export const handler = (event: APIGatewayProxyEventV2 | RedriveEvent, context: Context) =>
  isRedriveEvent(event) ? work(event, context) : answer(event, context)

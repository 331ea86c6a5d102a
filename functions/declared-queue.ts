import { answerDeclaration, type QueueDeclaration } from './operations/declare-queue.ts'
import { theEngine } from './runtime/compose.ts'
import { lambdaLog, observeInLambda } from './runtime/telemetry.ts'

observeInLambda()

export const handler = (declaration: QueueDeclaration): Promise<void> =>
  answerDeclaration(theEngine(), lambdaLog, declaration)

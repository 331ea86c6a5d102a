import { answerDeclaration } from './operations/declaration.ts'
import { declareQueue, type QueueDeclaration } from './operations/declare-queue.ts'
import { declareTrigger, TRIGGER_RESOURCE, type TriggerDeclaration } from './operations/declare-trigger.ts'
import { theEngine } from './runtime/compose.ts'
import { lambdaLog, observeInLambda } from './runtime/telemetry.ts'

observeInLambda()

const isTrigger = (declaration: QueueDeclaration | TriggerDeclaration): declaration is TriggerDeclaration =>
  declaration.ResourceType === TRIGGER_RESOURCE

export const handler = (declaration: QueueDeclaration | TriggerDeclaration): Promise<void> =>
  isTrigger(declaration)
    ? answerDeclaration(declaration, `the trigger of queue ${declaration.ResourceProperties.queue}`, lambdaLog, () =>
        declareTrigger(theEngine(), declaration),
      )
    : answerDeclaration(declaration, `queue ${declaration.ResourceProperties.name}`, lambdaLog, () =>
        declareQueue(theEngine(), declaration),
      )

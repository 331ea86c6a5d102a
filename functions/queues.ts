import { moveRules } from './operations/move-rules.ts'
import { queueOperations } from './operations/queues.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(queueOperations(() => moveRules(process.env)))

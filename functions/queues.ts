import { operations } from './operations/queues.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(operations)

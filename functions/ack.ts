import { operations } from './operations/ack.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(operations)

import { operations } from './operations/messages.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(operations)

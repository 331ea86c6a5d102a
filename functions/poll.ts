import { operations } from './operations/poll.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(operations)

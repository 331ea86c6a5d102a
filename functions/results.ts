import { operations } from './operations/results.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(operations)

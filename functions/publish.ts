import { operations } from './operations/publish.ts'
import { serve } from './runtime/serve.ts'

export const handler = serve(operations)

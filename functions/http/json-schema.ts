import * as z from 'zod/mini'

export type Json = { readonly [key: string]: unknown }

/**
 * The JSON Schema of a shape, as its sender (`input`) or its reader (`output`) sees it. Shapes with an `id` are written
 * once, in `$defs`.
 */
export const jsonSchema = (shape: z.core.$ZodType, io: 'input' | 'output'): Json & { $defs?: Record<string, Json> } => {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The range of integers that JSON can hold is no range of the field.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      // `format` says the same.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      delete jsonSchema.id
      // Answers may get further members: clients must ignore those that they don't know.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  }) as Json & { $defs?: Record<string, Json> }
  return schema
}

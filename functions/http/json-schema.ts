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
      // JSON's own range of integers is no limit of the field.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      // `format` has the same meaning.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      delete jsonSchema.id
      // Later versions may add members to answers: clients must ignore unknown ones.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  }) as Json & { $defs?: Record<string, Json> }
  return schema
}

import { FIELD_DESCRIPTIONS } from './field-descriptions.ts'

/** What is said of a field at a path of schema and fields: the entry whose key has most of the path, counted from its end. */
export const descriptionOf = (path: readonly string[]): string | undefined => {
  const key = path.map((_, from) => path.slice(from).join('.')).find((one) => one in FIELD_DESCRIPTIONS)
  return key === undefined ? undefined : FIELD_DESCRIPTIONS[key]
}

/** A JSON Schema whose fields all have descriptions: their own, or those of the table. */
export const describeFields = (schema: unknown, path: readonly string[]): unknown => {
  if (Array.isArray(schema)) return schema.map((one) => describeFields(one, path))
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'properties' ? describeProperties(value as object, path) : describeFields(value, path),
    ]),
  )
}

const describeProperties = (properties: object, path: readonly string[]): object =>
  Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const own = [...path, name]
      const { description = descriptionOf(own), ...rest } = describeFields(property, own) as {
        description?: string
      }
      return [name, { ...rest, ...(description !== undefined && { description }) }]
    }),
  )

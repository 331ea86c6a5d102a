/**
 * Schemas by the Standard Schema interface, which zod, Valibot, ArkType, Effect and others speak.
 * https://standardschema.dev/schema
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

interface ZodLike {
  safeParseAsync(
    value: unknown,
  ): Promise<{ success: true; data: unknown } | { success: false; error: { issues: readonly SchemaIssue[] } }>
}

/** Whether this is a schema: an object, or a function, as those of ArkType and Effect are. */
export const isSchema = (value: unknown): value is StandardSchema =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  typeof (value as StandardSchema)['~standard']?.validate === 'function'

/**
 * Checks a value, and returns the schema's output. Where the check throws, the error goes to the caller, who may try again later: the
 * check failed, and not the value.
 */
export const validate = async <Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<SchemaResult<Output>> => {
  const { vendor } = schema['~standard']
  // zod 4.6 runs async refinements twice through `~standard`, and leaves a rejection unhandled when one throws.
  if (vendor === 'zod' && typeof (schema as unknown as ZodLike).safeParseAsync === 'function') {
    const parsed = await (schema as unknown as ZodLike).safeParseAsync(value)
    return parsed.success ? { value: parsed.data as Output } : { issues: parsed.error.issues }
  }
  const result = await schema['~standard'].validate(value)
  if (result.issues) return result
  // An async morph of ArkType returns a promise of its value.
  return { value: await result.value }
}

/** The issues in a line, with their paths. */
export const issuesText = (issues: readonly SchemaIssue[]): string =>
  issues.map(({ message, path }) => (path && path.length > 0 ? `${pathText(path)}: ${message}` : message)).join('; ')

const pathText = (path: NonNullable<SchemaIssue['path']>): string =>
  path
    .map((part) => (typeof part === 'object' ? part.key : part))
    .map((key, position) => (typeof key === 'number' ? `[${key}]` : `${position > 0 ? '.' : ''}${String(key)}`))
    .join('')

import { describe, expect, test } from 'vitest'
import type * as z from 'zod/mini'
import { EXAMPLES } from '../../../functions/http/examples.ts'
import { CODE_DESCRIPTIONS, FIELD_DESCRIPTIONS } from '../../../functions/http/field-descriptions.ts'
import { openApiDocument } from '../../../functions/http/openapi.ts'
import { PROBLEM_CODES } from '../../../functions/http/problem.ts'
import { PLACES } from '../../../functions/http/route-places.ts'
import type { RouteShape } from '../../../functions/http/route-shape.ts'
import { routes } from '../../../functions/http/routes.ts'
import { allOperations } from '../../../functions/operations/all.ts'

interface Document {
  paths: Record<string, Record<string, { operationId: string; responses: object; requestBody?: object }>>
  components: { schemas: Record<string, object> }
}

describe('the OpenAPI document', () => {
  const document = openApiDocument() as unknown as Document

  test('in docs/ is that of the routes; `vitest -u` updates it', async () => {
    await expect(`${JSON.stringify(openApiDocument(), null, 2)}\n`).toMatchFileSnapshot('../../../docs/openapi.json')
  })

  test('has every route, and refers to nothing that is not there', () => {
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
    )
    expect(listed.toSorted()).toEqual(
      routes.map(({ operation, method, path }) => `${operation} ${method} ${path}`).toSorted(),
    )
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference)
    expect(references.length).toBeGreaterThan(10)
    for (const reference of references) {
      expect(Object.keys(document.components.schemas)).toContain(reference?.replace('#/components/schemas/', ''))
    }
  })

  test('has each place of an operation in one route', () => {
    expect(routes.map(({ operation }) => operation as string).sort()).toEqual(Object.keys(PLACES).sort())
  })

  test('and the functions have the same operations, each served by the function that its route names', async () => {
    const served = allOperations(async () => {})
    expect(Object.keys(served).toSorted()).toEqual(routes.map(({ operation }) => operation).toSorted())
    for (const { operation, function: name } of routes) {
      const file = (await import(`../../../functions/operations/${name}.ts`)) as Record<string, unknown>
      const made = (file.redriveOperations ?? file.queueOperations) as ((...parts: unknown[]) => object) | undefined
      const own = made ? made() : file.operations
      expect(Object.keys(own as object)).toContain(operation)
    }
  })

  /** Every field of a part of the document, with where it is. */
  const fieldsIn = (part: unknown, path: string): [string, Record<string, unknown>][] => {
    if (typeof part !== 'object' || part === null) return []
    return Object.entries(part).flatMap(([key, value]): [string, Record<string, unknown>][] => {
      if (key === 'example') return []
      if (key !== 'properties') return fieldsIn(value, path)
      return Object.entries(value as Record<string, Record<string, unknown>>).flatMap(([name, field]) => [
        [`${path}.${name}`, field] as [string, Record<string, unknown>],
        ...fieldsIn(field, `${path}.${name}`),
      ])
    })
  }

  test('describes every field and every parameter', () => {
    const fields = fieldsIn(document, '')
    const parameters = Object.values(document.paths)
      .flatMap((methods) => Object.values(methods) as { parameters?: { name: string; description?: string }[] }[])
      .flatMap(({ parameters: own = [] }) => own)
    expect(fields.length).toBeGreaterThan(300)
    expect(parameters.length).toBeGreaterThan(20)
    expect(fields.filter(([, field]) => !('description' in field) && !('$ref' in field)).map(([path]) => path)).toEqual(
      [],
    )
    expect(parameters.filter(({ description }) => !description).map(({ name }) => name)).toEqual([])
  })

  test('describes every code, and no field that does not exist', () => {
    const said = JSON.stringify(document)
    const unused = Object.entries(FIELD_DESCRIPTIONS).filter(([, text]) => !said.includes(JSON.stringify(text)))
    expect(unused.map(([key]) => key)).toEqual([])
    expect(Object.keys(CODE_DESCRIPTIONS).toSorted()).toEqual(Object.keys(PROBLEM_CODES).toSorted())
  })

  test.each(routes.map((route) => [route.operation, route] as const))(
    'has an example of %s that fits',
    (operation, route: RouteShape) => {
      const { request, answer } = EXAMPLES[operation] ?? {}
      const asks = route.request !== undefined && !isEmpty(route.request)
      expect(request === undefined).toBe(!asks)
      if (asks) expect(route.request?.safeParse(request)).toMatchObject({ success: true })
      const shapes = Object.values(route.answers).filter((shape) => shape !== undefined)
      expect(answer === undefined).toBe(shapes.length === 0)
      for (const shape of shapes) expect(shape.safeParse(answer)).toMatchObject({ success: true })
    },
  )
})

/** Whether a body has no members. */
const isEmpty = (shape: z.ZodMiniType): boolean => Object.keys((shape as z.ZodMiniObject).shape ?? {}).length === 0

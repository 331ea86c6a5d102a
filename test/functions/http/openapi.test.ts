import { describe, expect, test } from 'vitest'
import { openApiDocument } from '../../../functions/http/openapi.ts'
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

  test('and the functions know the same operations, each served by the function that its route names', async () => {
    const served = allOperations(async () => {})
    expect(Object.keys(served).toSorted()).toEqual(routes.map(({ operation }) => operation).toSorted())
    for (const { operation, function: name } of routes) {
      const file = (await import(`../../../functions/operations/${name}.ts`)) as Record<string, unknown>
      const made = (file.redriveOperations ?? file.queueOperations) as ((...parts: unknown[]) => object) | undefined
      const own = made ? made() : file.operations
      expect(Object.keys(own as object)).toContain(operation)
    }
  })
})

import { checked } from './refusal.ts'
import { type OperationId, PATH_PARAMETERS, type Route, routes } from './routes.ts'

const BY_OPERATION: ReadonlyMap<OperationId, Route> = new Map(routes.map((route) => [route.operation, route]))

export const routeOf = (operation: OperationId): Route => BY_OPERATION.get(operation) as Route

/**
 * The path of an operation, decoded. A name that no queue can have is refused here: a URL would take `..` for a step up, and the
 * request would be another one.
 *
 * @throws `InvalidRequest`
 */
export const pathOfOperation = (operation: OperationId, params: Readonly<Record<string, string>> = {}): string =>
  routeOf(operation).path.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof PATH_PARAMETERS) =>
    checked(PATH_PARAMETERS[name], params[name], name),
  )

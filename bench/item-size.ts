/** An item as a request to DynamoDB has it: binary values are base64. */
export type Item = Record<string, { S?: string; N?: string; B?: string }>

/**
 * Write units of an item by DynamoDB's published size rules, for the types that the engine stores.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export const writeUnitsOf = (item: Item): number => Math.max(1, Math.ceil(itemBytes(item) / 1_024))

const itemBytes = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0)

const valueBytes = ({ S, N, B }: Item[string]): number => {
  if (S !== undefined) return Buffer.byteLength(S)
  if (B !== undefined) return Buffer.from(B, 'base64').length
  // One byte for each two significant digits, and one more. The engine stores no negative numbers, which have one more byte.
  const digits = (N ?? '').replace(/^-?0*/, '').replace(/\D/g, '').replace(/0+$/, '').length
  return Math.ceil(digits / 2) + 1
}

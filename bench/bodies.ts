import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { JsonValue } from '../lib/model/message.ts'

/** JSON bodies of about a given size, each different, as services exchange them. */
export type BodyKind = 'small' | 'medium' | 'incompressible'

const CITIES = ['Lisbon', 'Hamburg', 'Osaka', 'Montreal', 'Nairobi', 'Valencia', 'Krakow', 'Auckland']
const STATES = ['received', 'paid', 'packed', 'shipped']
const pickOf = <T>(from: readonly T[]): T => from[randomInt(from.length)] as T

/** About 150 B. */
const small = (): JsonValue => ({
  type: 'order.updated',
  orderId: randomUUID(),
  customer: randomInt(1_000_000),
  city: pickOf(CITIES),
  state: pickOf(STATES),
  amount: randomInt(100_000) / 100,
})

const PRODUCTS = ['desk lamp', 'office chair', 'monitor arm', 'keyboard', 'cable tray', 'whiteboard', 'footrest']
/** About 1 KB. */
const medium = (): JsonValue => ({
  ...(small() as object),
  placedAt: new Date(1_700_000_000_000 + randomInt(10_000_000_000)).toISOString(),
  note: 'Please leave the parcel with the neighbours when nobody opens the door',
  lines: Array.from({ length: 7 }, (_, line) => ({
    line: line + 1,
    product: pickOf(PRODUCTS),
    sku: `SKU-${randomInt(100_000)}`,
    quantity: 1 + randomInt(9),
    price: randomInt(50_000) / 100,
    currency: 'EUR',
  })),
})

/** 1 KB that hardly compresses: random bytes, as base64 in JSON. */
const incompressible = (): JsonValue => ({ orderId: randomUUID(), blob: randomBytes(714).toString('base64') })

export const bodyOfKind = (kind: BodyKind): JsonValue =>
  kind === 'small' ? small() : kind === 'medium' ? medium() : incompressible()

import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { createClient } from '../../lib/client.ts'

interface Order {
  customer: string
  item: string
}

const holdfast = createClient({ table: process.env.HOLDFAST_TABLE ?? '' })
const orders = holdfast.queue<Order>('orders')
const letters = holdfast.queue<string>('letters.fifo')

/** Takes an order: publishes it, and a letter to its customer. */
export const handler = async ({ body = '' }: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
  const { customer, item } = JSON.parse(body) as Partial<Order>
  if (!customer || !item) return { statusCode: 400, body: JSON.stringify({ error: 'customer and item are needed' }) }
  const { messageId } = await orders.publish({ customer, item })
  await letters.publish(`Dear ${customer}, thank you for ordering: ${item}`, {
    groupId: customer,
    deduplicationId: messageId,
  })
  return { statusCode: 202, body: JSON.stringify({ messageId }) }
}

import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'

const send = async (customer: string, letter: string): Promise<void> => {
  if (customer === 'nobody') throw new Error('there is no such customer')
  console.log(`to ${customer}: ${letter}`)
}

/** Sends each customer's letters in order. When one fails, this customer's next letters in the batch come again behind it. */
export const handler = async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
  const failed: string[] = []
  const waiting = new Set<string>()
  for (const { messageId, body, attributes } of Records) {
    const customer = attributes.MessageGroupId ?? ''
    try {
      if (!waiting.has(customer)) {
        await send(customer, body)
        continue
      }
    } catch (error) {
      console.error(messageId, error)
      waiting.add(customer)
    }
    failed.push(messageId)
  }
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) }
}

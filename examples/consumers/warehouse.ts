import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'

const ship = async ({ item }: { item: string }): Promise<void> => {
  if (item === 'unicorn') throw new Error('there are no unicorns')
  console.log(`shipped: ${item}`)
}

/** Ships the orders of a batch. The answer names the orders that failed, which come again. */
export const handler = async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
  const outcomes = await Promise.allSettled(Records.map(async ({ body }) => ship(JSON.parse(body))))
  const failed = Records.filter((_, index) => outcomes[index]?.status === 'rejected')
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}

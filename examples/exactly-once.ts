import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Client } from '../lib/index.ts'

/** Money to be moved. */
export interface Transfer {
  readonly from: string
  readonly to: string
  readonly amount: number
}

/**
 * Moves the money of one message between two accounts, exactly once: both balances change, and the message is acked, in one
 * transaction. However often the message is delivered, and wherever the process is killed, the money moves once.
 */
export const transfer =
  (holdfast: Client, dynamodb: DynamoDBClient, accounts: string) =>
  async (message: { readonly body: Transfer; readonly receiptHandle: string }): Promise<void> => {
    const { from, to, amount } = message.body
    const tx = holdfast.transaction()
    tx.ack(message)
    try {
      await tx.commit(dynamodb, [balanceChange(accounts, from, -amount), balanceChange(accounts, to, amount)])
    } catch (error) {
      const reasons = tx.explain(error).map(({ reason }) => reason)
      // The money was moved when the message was acked, or the consumer that has the message now moves it.
      if (reasons.includes('message-gone') || reasons.includes('lease-lost')) return
      throw error
    }
  }

/** An account may not go below zero. */
const balanceChange = (TableName: string, id: string, amount: number): TransactWriteItem => ({
  Update: {
    TableName,
    Key: { id: { S: id } },
    UpdateExpression: 'ADD balance :amount',
    ConditionExpression: 'balance >= :least',
    ExpressionAttributeValues: { ':amount': { N: String(amount) }, ':least': { N: String(Math.max(0, -amount)) } },
  },
})

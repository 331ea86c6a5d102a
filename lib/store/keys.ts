/** The table's attributes: the two halves of the key, and the epoch seconds of DynamoDB's TTL. */
export const TABLE_SHAPE = { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'x' } as const

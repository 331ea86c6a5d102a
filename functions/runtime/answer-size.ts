/** Bytes that the messages of one answer may have: below the 6 MB of a Lambda response, with room for the rest of the answer. */
export const MAX_ANSWER_BYTES = 5_500_000

const REQUEST_ID = /^[\w.:=/+-]{1,128}$/

/** Whether a value is fit for a header and a line of the log, as the id of a request. */
export const isRequestId = (value: unknown): value is string => typeof value === 'string' && REQUEST_ID.test(value)
